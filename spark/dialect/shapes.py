"""Rewrites joins, sets and projections that Spark 3.5 does not support, after every name is resolved."""

from sqlglot import exp

from spark.dialect.build import call, column


def reshape(tree: exp.Expr) -> exp.Expr:
    """Return the statement without ASOF joins, unions by name, unnested projections and IN (SELECT) in projections."""
    _spell_rows(tree)
    for select in reversed(list(tree.find_all(exp.Select))):
        _join_asof(select)
        _view_json_rows(select)
        _lift_in_queries(select)
        _explode(select)
        _qualify(select)
    for union in reversed(list(tree.find_all(exp.SetOperation))):
        if union.args.get("by_name"):
            _align(union)
    for number, with_ in enumerate(reversed(list(tree.find_all(exp.With)))):
        if with_.parent is not tree:
            _rename_parts(with_, number)
    return tree


def _rename_parts(with_: exp.With, number: int) -> None:
    """Give the parts of an inner query names of their own: sqlglot writes them beside those of all others."""
    for part in with_.expressions:
        name = part.alias
        for table in with_.parent.find_all(exp.Table) if with_.parent else ():
            if table.name == name and not table.db:
                table.set("this", exp.to_identifier(f"{name}_{number}", quoted=True))
        part.set("alias", exp.TableAlias(this=exp.to_identifier(f"{name}_{number}", quoted=True)))


def _spell_rows(tree: exp.Expr) -> None:
    """Make a part of the query that is cast to a text, a row of it, the text that DuckDB writes of the row."""
    parts = {part.alias: part.this for part in tree.find_all(exp.CTE)}
    for cast in list(tree.find_all(exp.Cast)):
        row = cast.this
        if isinstance(row, exp.TableColumn) and row.name in parts and cast.to.is_type(*exp.DataType.TEXT_TYPES):
            fields = [
                argument
                for name in parts[row.name].named_selects
                for argument in (exp.Literal.string(name), column(name, row.name))
            ]
            cast.replace(call("duck_row_text", call("named_struct", *fields)))


def _align(union: exp.SetOperation) -> None:
    """Give both sides of a union by name the same columns in the same order."""
    left, right = _names(union.this), _names(union.expression)
    names = [*left, *(name for name in right if name not in left)]
    union.set("this", _with_columns(union.this, names))
    union.set("expression", _with_columns(union.expression, names))
    union.set("by_name", False)


def _names(side: exp.Expr) -> list[str]:
    while isinstance(side, exp.Subquery):
        side = side.this
    if isinstance(side, exp.SetOperation):
        return _names(side.this)
    assert isinstance(side, exp.Query)  # what a union is made of
    return [projection.alias_or_name for projection in side.selects]


def _with_columns(side: exp.Expr, names: list[str]) -> exp.Expr:
    there = _names(side)
    if there == names:
        return side
    if isinstance(side, exp.Select) and not side.args.get("distinct"):
        known = {projection.alias_or_name: projection for projection in side.expressions}
        side.set("expressions", [known.get(name) or exp.alias_(exp.null(), name, quoted=True) for name in names])
        return side
    source = side if isinstance(side, exp.Subquery) else exp.Subquery(this=side)
    source.set("alias", exp.TableAlias(this=exp.to_identifier("side")))
    columns = [column(name, "side") if name in there else exp.null() for name in names]
    return exp.select(
        *(exp.alias_(value, name, quoted=True) for value, name in zip(columns, names, strict=True))
    ).from_(source)


def _join_asof(select: exp.Select) -> None:
    """Join each row with the nearest moment of its key on the other side, then with the rows of that moment."""
    joins = select.args.get("joins") or []
    for join in list(joins):
        if join.args.get("method") == "ASOF":
            source = select.args["from_"].this
            at = joins.index(join)
            joins[at : at + 1] = _asof(source, join)
    select.set("joins", joins)


def _asof(left: exp.Expr, join: exp.Join) -> list[exp.Join]:
    conditions = list(join.args["on"].flatten()) if isinstance(join.args["on"], exp.And) else [join.args["on"]]
    [moment] = [condition for condition in conditions if not isinstance(condition, exp.EQ)]
    keys = [_by_side(condition, left.alias_or_name) for condition in conditions if isinstance(condition, exp.EQ)]
    own, other = _by_side(moment, left.alias_or_name)
    takes_latest = isinstance(moment, exp.GTE) == (moment.this is own)
    nearest = exp.Max(this=other.copy()) if takes_latest else exp.Min(this=other.copy())
    name = f"{join.alias_or_name}_moments"
    moments = (
        exp.select(
            *(exp.alias_(mine.copy(), f"key_{number}") for number, (mine, _) in enumerate(keys)),
            exp.alias_(own.copy(), "own_moment"),
            exp.alias_(nearest, "nearest"),
        )
        .from_(left.copy())
        .join(join.this.copy(), on=exp.and_(*(condition.copy() for condition in conditions)))
        .group_by(*(mine.copy() for mine, _ in keys), own.copy())
        .subquery(name)
    )
    of_left = [
        exp.EQ(this=mine.copy(), expression=column(f"key_{number}", name)) for number, (mine, _) in enumerate(keys)
    ]
    of_right = [exp.EQ(this=its.copy(), expression=mine.copy()) for mine, its in keys]
    of_left.append(exp.EQ(this=own.copy(), expression=column("own_moment", name)))
    of_right.append(exp.EQ(this=other.copy(), expression=column("nearest", name)))
    kind = {"side": "LEFT"} if join.side == "LEFT" else {}
    return [
        exp.Join(this=moments, on=exp.and_(*of_left), **kind),
        exp.Join(this=join.this.copy(), on=exp.and_(*of_right), **kind),
    ]


def _by_side(condition: exp.Expr, left: str) -> tuple[exp.Expr, exp.Expr]:
    """Return the part of a comparison that is about the left table, and the other."""
    first, second = condition.this, condition.expression
    is_left = any(found.table == left for found in first.find_all(exp.Column))
    return (first, second) if is_left else (second, first)


def _view_json_rows(select: exp.Select) -> None:
    """Make the table function json_each(x) a lateral view with the columns key and value."""
    joins = select.args.get("joins") or []
    for join in list(joins):
        table = join.this
        function = table.this if isinstance(table, exp.Table) else None
        if isinstance(function, exp.Func) and function.sql("duckdb").lower().startswith("json_each("):
            [document] = list(function.find_all(exp.Column))[:1]
            view = exp.Lateral(
                this=exp.Explode(this=call("from_json", document.copy(), exp.Literal.string("map<string,string>"))),
                view=True,
                alias=exp.TableAlias(
                    this=exp.to_identifier(table.alias), columns=[exp.to_identifier("key"), exp.to_identifier("value")]
                ),
            )
            joins.remove(join)
            select.append("laterals", view)


def _lift_in_queries(select: exp.Select) -> None:
    """Make `x IN (SELECT ...)` of a projection a search in one array: Spark has it in conditions alone."""
    for projection in select.expressions:
        for found in list(projection.find_all(exp.In)):
            query = found.args.get("query")
            if query is not None:
                subquery = query if isinstance(query, exp.Subquery) else exp.Subquery(this=query)
                inner = subquery.this
                value = inner.selects[0].unalias()
                inner.set("expressions", [exp.alias_(call("collect_set", value.copy()), "found")])
                found.replace(call("array_contains", exp.Subquery(this=inner), found.this.copy()))


def _explode(select: exp.Select) -> None:
    """Compute everything but the unnested arrays in an inner query, and unnest them side by side in an outer one."""
    arrays: dict[str, exp.Expr] = {}
    for projection in select.expressions:
        for found in projection.find_all(exp.Explode):
            arrays.setdefault(found.this.sql(), found.this)
    if not arrays:
        return
    names = list(arrays)
    inner: list[exp.Expr] = []
    outer: list[exp.Expr] = []
    for number, projection in enumerate(select.expressions):
        name, value = projection.alias_or_name, projection.unalias()
        if not any(value.find_all(exp.Explode, exp.Anonymous)) or not _is_unnested(value, names):
            inner.append(exp.alias_(value.copy(), name, quoted=True))
            outer.append(exp.alias_(column(name, "arrays"), name, quoted=True))
            continue
        outer.append(exp.alias_(_of_items(value.copy(), names, inner, number), name, quoted=True))
    for number, array in enumerate(arrays.values()):
        inner.append(exp.alias_(array.copy(), f"array_{number}"))
    source = _moved(select, ("with_", "order", "distinct"))
    source.set("expressions", inner)
    zipped = call("arrays_zip", *(column(f"array_{number}", "arrays") for number in range(len(names))))
    select.set("expressions", outer)
    select.set("from_", exp.From(this=_named(source, "arrays")))
    select.append(
        "laterals",
        exp.Lateral(
            this=exp.Posexplode(this=zipped),
            view=True,
            alias=exp.TableAlias(
                this=exp.to_identifier("items"), columns=[exp.to_identifier("place"), exp.to_identifier("item")]
            ),
        ),
    )


def _qualify(select: exp.Select) -> None:
    """Make QUALIFY a condition on a column of an inner query."""
    condition = select.args.get("qualify")
    if condition is None:
        return
    select.set("qualify", None)
    names = [projection.alias_or_name for projection in select.expressions]
    inner = _moved(select, ("with_", "order", "limit", "distinct"))
    inner.append("expressions", exp.alias_(condition.this, "is_qualified"))
    select.set("expressions", [exp.alias_(column(name, "kept"), name, quoted=True) for name in names])
    select.set("from_", exp.From(this=_named(inner, "kept")))
    select.set("where", exp.Where(this=column("is_qualified", "kept")))


def _moved(select: exp.Select, kept: tuple[str, ...]) -> exp.Select:
    """Return a query with all clauses of this one but the named; the query is left with those alone."""
    inner = exp.Select(**{key: value for key, value in select.args.items() if key not in kept})
    for key in [key for key in select.args if key not in kept]:
        select.set(key, None)
    return inner


def _named(query: exp.Expr, name: str) -> exp.Subquery:
    return exp.Subquery(this=query, alias=exp.TableAlias(this=exp.to_identifier(name)))


def _is_unnested(value: exp.Expr, names: list[str]) -> bool:
    return any(found.this.sql() in names for found in value.find_all(exp.Explode)) or any(
        found.name.lower() == "generate_subscripts" for found in value.find_all(exp.Anonymous)
    )


def _of_items(value: exp.Expr, names: list[str], inner: list[exp.Expr], number: int) -> exp.Expr:
    """Return the projection over the unnested items; columns that it needs besides are added to the inner query."""
    holder = exp.Paren(this=value)
    for array in list(holder.find_all(exp.Explode)):
        field = exp.to_identifier(f"array_{names.index(array.this.sql())}")
        array.replace(exp.Dot(this=column("item", "items"), expression=field))
    for function in list(holder.find_all(exp.Anonymous)):
        if function.name.lower() == "generate_subscripts":
            function.replace(exp.Add(this=column("place", "items"), expression=exp.Literal.number(1)))
    for position, needed in enumerate(list(holder.find_all(exp.Column))):
        if needed.table != "items":
            name = f"needed_{number}_{position}"
            inner.append(exp.alias_(needed.copy(), name))
            needed.replace(column(name, "arrays"))
    written: exp.Expr = holder.this
    return written
