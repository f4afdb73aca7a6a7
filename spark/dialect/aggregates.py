"""Translates DuckDB's aggregates to Spark."""

from collections.abc import Callable

from sqlglot import exp

from spark.dialect.build import call, number


def ordered_by(value: exp.Expr) -> exp.Expr:
    """Return what several values are compared by: in DuckDB NULL within a row is the largest, in Spark the smallest."""
    if not isinstance(value, exp.Tuple | exp.Struct):
        return value
    parts: list[exp.Expr] = []
    for part in value.expressions:
        parts += [exp.Paren(this=exp.Is(this=part.copy(), expression=exp.null())), part.copy()]
    return call("struct", *parts)


def least_by(node: exp.Expr) -> exp.Expr:
    """Return the value beside the smallest or largest one; rows where either is NULL do not count."""
    name = "min_by" if isinstance(node, exp.ArgMin) else "max_by"
    value, order = node.this, node.expression
    present = exp.Not(this=exp.Is(this=exp.Paren(this=value.copy()), expression=exp.null()))
    return call(name, value.copy(), exp.If(this=present, true=ordered_by(order), false=exp.null()))


def least_even_null(value: exp.Expr, order: exp.Expr) -> exp.Expr:
    """Return the value beside the smallest one, even NULL; rows without an order, as after a filter, do not count."""
    if isinstance(order, exp.If):
        order = exp.If(this=order.this, true=ordered_by(order.args["true"]), false=exp.null())
        return call("min_by", value, order)
    return call("min_by", value, ordered_by(order))


def joined_texts(node: exp.GroupConcat) -> exp.Expr:
    """Return the texts of a group joined in their order, or NULL for a group without a text."""
    value, separator = node.this, node.args.get("separator") or exp.Literal.string(",")
    orders: list[exp.Expr] = []
    if isinstance(value, exp.Order):
        orders, value = [ordered.this for ordered in value.expressions], value.this
    if isinstance(value, exp.Distinct):
        [value] = value.expressions
        items: exp.Expr = call("array_sort", call("collect_set", value.copy()))
    else:
        key = ordered_by(exp.Tuple(expressions=orders))
        row = call("named_struct", exp.Literal.string("key"), key, exp.Literal.string("value"), value.copy())
        present = exp.Not(this=exp.Is(this=exp.Paren(this=value.copy()), expression=exp.null()))
        rows = call("array_sort", call("collect_list", exp.If(this=present, true=row, false=exp.null())))
        items = call("transform", rows, exp.Var(this="item -> item.value"))
    joined = call("array_join", items, separator)
    return exp.If(this=exp.GT(this=exp.Count(this=value.copy()), expression=number(0)), true=joined, false=exp.null())


def _list(items: exp.Expr) -> exp.Expr:
    """Return the list of a group's values, or NULL for a group without a value."""
    is_set = isinstance(items, exp.Distinct)
    found = call("collect_set", *items.expressions) if is_set else call("collect_list", items)
    return exp.If(this=exp.GT(this=call("size", found), expression=number(0)), true=found.copy(), false=exp.null())


def window(node: exp.Window) -> exp.Expr:
    """Return an aggregate over a window; of one that is a function of a list, the list is what the window gives."""
    function = node.this
    if isinstance(function, exp.Anonymous) and function.name == "duck_mad":
        [values] = function.expressions
        over = node.copy()
        over.set("this", values.copy())
        return call("duck_mad", over)
    return node


def first(node: exp.First) -> exp.Expr:
    """Return the value of the first row in an order."""
    if not isinstance(node.this, exp.Order):
        return node
    keys = exp.Tuple(expressions=[ordered.this for ordered in node.this.expressions])
    return call("min_by", node.this.this, ordered_by(keys))


AGGREGATES: dict[str, Callable[..., exp.Expr]] = {
    "any_value": lambda value: call("any_value", value, exp.true()),
    "arg_min_null": least_even_null,
    "array_agg": _list,
    "list": _list,
    "mad": lambda value: call("duck_mad", call("collect_list", value)),
    "quantile_cont": lambda value, share: call("percentile", value, share),
}

AGGREGATE_NODES: dict[type[exp.Expr], Callable[..., exp.Expr]] = {
    exp.ArgMax: least_by,
    exp.ArgMin: least_by,
    exp.First: first,
    exp.GroupConcat: joined_texts,
    exp.PercentileCont: lambda node: call("percentile", node.this, node.expression),
    exp.Median: lambda node: call("percentile", node.this, exp.Literal.number("0.5")),
}
