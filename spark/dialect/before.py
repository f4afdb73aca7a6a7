"""Rewrites DuckDB constructs that prevent resolving a statement's names."""

import json

from sqlglot import exp

_TYPES = {"VARCHAR": "string", "HUGEINT": "decimal(38,0)", "INTEGER": "int", "TIMESTAMPTZ": "timestamp"}


def prepare(tree: exp.Expr) -> exp.Expr:
    """Return the statement without named windows, FILTER clauses and projections of whole structs."""
    for table in tree.find_all(exp.Table):
        table.set("catalog", None)
    for select in reversed(list(tree.find_all(exp.Select))):
        _inline_windows(select)
        _spread_json_rows(select)
        _spread_structs(select)
    for node in list(tree.find_all(exp.Filter)):
        node.replace(_filtered(node))
    for lambda_ in list(tree.find_all(exp.Lambda)):
        _read_as_path(lambda_)
    for choice in tree.find_all(exp.If):
        if not isinstance(choice.parent, exp.Case) and choice.args.get("false") is None:
            choice.set("false", exp.null())
    return tree


def _read_as_path(node: exp.Lambda) -> None:
    """Make `document -> '$.path'` within a call, which reads as a lambda, the extraction that it is."""
    if isinstance(node.this, exp.Literal) and node.this.is_string:
        [document] = node.expressions
        node.replace(exp.JSONExtract(this=exp.column(document.copy()), expression=node.this))


def _inline_windows(select: exp.Select) -> None:
    named = {window.this.name: window for window in select.args.get("windows") or []}
    if not named:
        return
    for window in list(select.find_all(exp.Window)):
        _complete(window, named)
    select.set("windows", None)


def _complete(window: exp.Window, named: dict[str, exp.Expr]) -> None:
    """Copy the definition of a named window into a window."""
    base = window.args.get("alias")
    if base is None or base.name not in named or window in named.values():
        return
    definition = named[base.name]
    window.set("alias", None)
    window.set("over", "OVER")
    inherited = definition.args.get("alias")
    for part in ("partition_by", "order", "spec"):
        value = definition.args.get(part)
        if value and not window.args.get(part):
            window.set(part, [item.copy() for item in value] if isinstance(value, list) else value.copy())
    if inherited is not None:
        window.set("alias", inherited.copy())
        _complete(window, named)


def _filtered(node: exp.Filter) -> exp.Expr:
    """Return the aggregate with its condition within its first argument: Spark knows no FILTER in a window."""
    aggregate: exp.Expr = node.this
    condition = node.expression.this
    target = aggregate.this if isinstance(aggregate, exp.IgnoreNulls) else aggregate
    if isinstance(target, exp.Count) and isinstance(target.this, exp.Star):
        target.set("this", exp.If(this=condition, true=exp.Literal.number(1)))
    else:
        slot = _value_of(target)
        slot.replace(exp.If(this=condition.copy(), true=slot.copy()))
    return aggregate


def _value_of(aggregate: exp.Expr) -> exp.Expr:
    """Return the expression that decides whether a row counts: NULL there leaves the row out."""
    value: exp.Expr = aggregate.this
    if isinstance(aggregate, exp.Anonymous):
        value = aggregate.expressions[1 if aggregate.name.lower() == "arg_min_null" else 0]
    while isinstance(value, exp.Order | exp.Distinct):
        value = value.expressions[0] if isinstance(value, exp.Distinct) else value.this
    return value


def spark_type(duckdb: object) -> str:
    """Return Spark's name for a type as DuckDB's from_json takes it: a text, or nested lists and objects of texts."""
    if isinstance(duckdb, list):
        return f"array<{spark_type(duckdb[0])}>"
    if isinstance(duckdb, dict):
        return "struct<" + ",".join(f"`{name}`:{spark_type(kind)}" for name, kind in duckdb.items()) + ">"
    text = str(duckdb)
    if text.endswith("[]"):
        return f"array<{spark_type(text[:-2])}>"
    return _TYPES.get(text, text.lower())


def _spread_json_rows(select: exp.Select) -> None:
    """Make `unnest(from_json(item, '{...}'))` the columns that the description names."""
    for projection in list(select.expressions):
        if isinstance(projection, exp.Explode) and isinstance(projection.this, exp.FromJson):
            described = json.loads(projection.this.expression.name)
            if isinstance(described, dict):
                select.set("expressions", [_field(projection.this, name) for name in described])


def _field(parsed: exp.FromJson, name: str) -> exp.Expr:
    dot = exp.Dot(this=parsed.copy(), expression=exp.to_identifier(name, quoted=True))
    return exp.alias_(dot, name, quoted=True)


def _spread_structs(select: exp.Select) -> None:
    """Make `unnest([{...}, ...], recursive := true)` a column for each field of the structs."""
    spread: list[exp.Expr] = []
    for projection in select.expressions:
        array = projection.this if isinstance(projection, exp.Explode) else None
        if isinstance(array, exp.Array) and isinstance(array.expressions[0], exp.Struct):
            names = [field.this.name for field in array.expressions[0].expressions]
            values = [[field.expression for field in struct.expressions] for struct in array.expressions]
            for name, column in zip(names, zip(*values, strict=True), strict=True):
                items = exp.Array(expressions=[value.copy() for value in column])
                spread.append(exp.alias_(exp.Explode(this=items), name))
        else:
            spread.append(projection)
    select.set("expressions", spread)
