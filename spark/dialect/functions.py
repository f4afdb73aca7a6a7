"""Translates DuckDB's functions and operators to Spark. Functions not listed have the same name and meaning."""

import json
from collections.abc import Callable

from sqlglot import exp

from spark.dialect.aggregates import AGGREGATE_NODES, AGGREGATES, ordered_by, window
from spark.dialect.before import spark_type
from spark.dialect.build import call, cast, number, text
from spark.dialect.regexes import java_regex, java_replacement

Build = Callable[..., exp.Expr]

MOMENTS = {
    "infinity": "9999-12-31 23:59:59.999999",
    "-infinity": "0001-01-01 00:00:00",
    "epoch": "1970-01-01 00:00:00",
}
"""Spark has no endless timestamps: these are before and after anything that a line can carry."""


def translate(tree: exp.Expr) -> exp.Expr:
    """Return the statement with Spark's functions, the innermost first."""
    for node in reversed(list(tree.walk())):
        written = _translated(node)
        if written is not node:
            written.type = node.type
            node.replace(written)
    return tree


def _translated(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Anonymous):
        build = _FUNCTIONS.get(node.name.lower())
        return build(*(argument for argument in node.expressions)) if build else node
    build_node = _NODES.get(type(node))
    return build_node(node) if build_node else node


def _pattern(pattern: exp.Expr, flags: exp.Expr | None = None) -> exp.Expr:
    """Return a literal pattern in Java's words; one that is a value is left as it is."""
    written = _joined(pattern)
    if written is None:
        return pattern
    options = (flags.name if flags is not None else "").replace("g", "")
    return text(java_regex(written, options))


def _joined(value: exp.Expr) -> str | None:
    if isinstance(value, exp.Literal):
        return str(value.this)
    if isinstance(value, exp.DPipe | exp.Paren | exp.Concat):
        parts = [_joined(part) for part in value.iter_expressions()]
        return None if None in parts else "".join(part for part in parts if part is not None)
    return None


def _matches(value: exp.Expr, pattern: exp.Expr, flags: exp.Expr | None = None) -> exp.Expr:
    return exp.Paren(this=exp.RegexpLike(this=value, expression=_pattern(pattern, flags)))


def _extract(value: exp.Expr, pattern: exp.Expr, group: exp.Expr | None = None) -> exp.Expr:
    return call("regexp_extract", value, _pattern(pattern), group or number(0))


def _extract_all(value: exp.Expr, pattern: exp.Expr) -> exp.Expr:
    return call("regexp_extract_all", value, _pattern(pattern), number(0))


def _replace(value: exp.Expr, pattern: exp.Expr, by: exp.Expr, flags: exp.Expr | None = None) -> exp.Expr:
    written, options = _joined(pattern), flags.name if flags is not None else ""
    if written is None or not ("g" in options or _is_anchored(written)):
        raise ValueError(f"regexp_replace: expected an anchored pattern or the option 'g', found {pattern.sql()}")
    return call(
        "regexp_replace", value, text(java_regex(written, options.replace("g", ""))), text(java_replacement(by.name))
    )


def _is_anchored(pattern: str) -> bool:
    """Return whether the pattern matches at most once, so that replacing the first match replaces all."""
    return pattern.split(")", 1)[-1].startswith("^") or pattern.startswith("^") or pattern.endswith("$")


def _timezone(zone: exp.Expr, moment: exp.Expr) -> exp.Expr:
    return moment if zone.name == "UTC" else call("from_utc_timestamp", moment, zone)


def _sequence(start: exp.Expr, end: exp.Expr, step: exp.Expr | None = None) -> exp.Expr:
    return call("sequence", start, end, *([step] if step is not None else []))


def _range(start: exp.Expr, end: exp.Expr) -> exp.Expr:
    last = exp.Sub(this=exp.Paren(this=end.copy()), expression=number(1))
    return exp.If(
        this=exp.LT(this=start.copy(), expression=exp.Paren(this=end.copy())),
        true=call("sequence", start.copy(), last),
        false=exp.cast(exp.Array(expressions=[]), exp.DataType.build("array<bigint>", dialect="spark")),
    )


def _list_sum(items: exp.Expr) -> exp.Expr:
    adding = "(total, item) -> total + coalesce(item, 0L)"
    total = call("aggregate", items.copy(), exp.Var(this="0L"), exp.Var(this=adding))
    return exp.If(this=exp.GT(this=call("size", items), expression=number(0)), true=total, false=exp.null())


def _from_json(node: exp.FromJson) -> exp.Expr:
    source, described = node.this, spark_type(json.loads(node.expression.name))
    if source.name == "get_json_object" and source.expressions[1].name == "$.*":
        values = call("from_json", source.expressions[0], text(described.replace("array<", "map<string,", 1)))
        return call("map_values", values)
    return call("from_json", source, text(described))


def _json_text(node: exp.JSONExtract | exp.JSONExtractScalar) -> exp.Expr:
    return call("get_json_object", node.this, text(node.expression.sql("duckdb").strip("'")))


def _difference(node: exp.DateDiff) -> exp.Expr:
    """Return how many borders of the unit lie between two moments."""
    unit, end, start = node.args["unit"].name.upper(), node.this, node.expression
    if unit == "DAY":
        return call("datediff", end, start)
    function, size = {"MILLISECOND": ("unix_millis", 1), "SECOND": ("unix_seconds", 1), "MINUTE": ("unix_seconds", 60)}[
        unit
    ]
    borders = [
        exp.Paren(this=exp.IntDiv(this=call(function, moment), expression=number(size))) for moment in (end, start)
    ]
    return exp.Paren(this=exp.Sub(this=borders[0], expression=borders[1]))


def _subtracted(node: exp.Sub) -> exp.Expr:
    if node.this.is_type("date") and node.expression.is_type("date"):
        return cast(call("datediff", node.this, node.expression), "bigint")
    return node


def _divided(node: exp.Div) -> exp.Expr:
    if node.meta.get("is_double"):
        return node
    written = exp.Div(this=cast(node.this, "double"), expression=cast(node.expression, "double"))
    written.meta["is_double"] = True
    return exp.Paren(this=written)


def _cast(node: exp.Cast) -> exp.Expr:
    kind: exp.DataType = node.to
    value: exp.Expr = node.this
    if kind.is_type(*exp.DataType.INTEGER_TYPES) and value.is_type("double", "float"):
        return type(node)(this=call("rint", value), to=kind)
    if kind.is_type(*exp.DataType.TEXT_TYPES) and value.is_type("timestamptz"):
        return call("concat", cast(value, "string"), text("+00"))
    if kind.is_type("int128", "uint128"):
        return cast(value, "decimal(38,0)")
    if kind.is_type("json"):
        return value
    if kind.is_type("interval"):
        spelled = call("replace", value, text("1 quarter"), text("3 months"))  # Spark has no quarters
        return exp.Cast(this=spelled, to=kind)
    return node


def _item(node: exp.Bracket) -> exp.Expr:
    """Return an item, or the last items, of a list; sqlglot counts literal places from 0, and DuckDB from 1."""
    [place] = node.expressions
    if isinstance(place, exp.Slice):
        if not isinstance(place.this, exp.Neg) or place.expression is not None:
            raise ValueError(f"expected the last items of a list, [-n:], found {node.sql('duckdb')}")
        return call("slice", node.this, place.this, place.this.this.copy())
    shifted = -int(place.this.name) if isinstance(place, exp.Neg) else int(place.name)
    return call("element_at", node.this, exp.Literal.number(shifted + 1))


def _literal(node: exp.Literal) -> exp.Expr:
    """Return a text that stands for a moment or a day beside others as one: Spark would make texts of the others."""
    beside = node.parent
    if not node.is_string or not isinstance(beside, exp.Coalesce):
        return node
    if moment := MOMENTS.get(node.name):
        return cast(text(moment), "timestamp")
    return cast(node.copy(), "date") if beside.this.is_type("date") else node


_FUNCTIONS: dict[str, Build] = AGGREGATES | {
    "array_to_string": lambda items, mark: call("array_join", items, mark),
    "date_trunc": lambda unit, moment: call("date_trunc", unit, moment),
    "dayname": lambda day: call("date_format", day, text("EEEE")),
    "epoch": lambda moment: exp.Paren(
        this=exp.Div(this=cast(call("unix_micros", moment), "double"), expression=cast(number(1000000), "double"))
    ),
    "epoch_ms": lambda moment: call("unix_millis", moment),
    "epoch_us": lambda moment: call("unix_micros", moment),
    "format": lambda pattern, *values: call("duck_format", pattern, *values),
    "generate_series": _sequence,
    "hash": lambda *values: call("xxhash64", *values),
    "isodow": lambda day: exp.Paren(this=exp.Add(this=call("weekday", day), expression=number(1))),
    "json_keys": lambda document: call("json_object_keys", document),
    "json_type": lambda document, path=None: call("duck_json_type", document, path if path is not None else text("$")),
    "json_valid": lambda document: call("duck_json_valid", document),
    "len": lambda items: call("size", items),
    "list_concat": lambda *lists: call("concat", *lists),
    "list_contains": lambda items, item: call("array_contains", items, item),
    "list_distinct": lambda items: call("array_distinct", call("array_compact", items)),
    "list_has_any": lambda items, others: call("arrays_overlap", items, others),
    "list_sort": lambda items: call("array_sort", items),
    "list_sum": _list_sum,
    "monthname": lambda day: call("date_format", day, text("MMMM")),
    "range": _range,
    "regexp_extract": _extract,
    "regexp_extract_all": _extract_all,
    "regexp_matches": _matches,
    "regexp_replace": _replace,
    "row": lambda *values: ordered_by(exp.Tuple(expressions=list(values))),
    "string_split": lambda value, mark: call("split", value, text(rf"\Q{mark.name}\E" if mark.is_string else r"\n")),
    "strlen": lambda value: call("octet_length", value),
    "timezone": _timezone,
    "to_timestamp": lambda seconds: call("timestamp_seconds", seconds),
}

_NODES: dict[type[exp.Expr], Build] = AGGREGATE_NODES | {
    exp.Bracket: _item,
    exp.Cast: _cast,
    exp.DateDiff: _difference,
    exp.Div: _divided,
    exp.FromJson: _from_json,
    exp.JSONExtract: _json_text,
    exp.JSONExtractScalar: _json_text,
    exp.Literal: _literal,
    exp.Sub: _subtracted,
    exp.TryCast: _cast,
    exp.Window: window,
}
