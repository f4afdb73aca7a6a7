"""DuckDB functions that Spark lacks, in Python, for Spark's workers."""

import json
from functools import cache
from typing import Any


def json_type(document: str | None, path: str) -> str | None:
    """Return OBJECT, ARRAY or VALUE for what a path of plain names leads to; NULL where there is nothing."""
    try:
        value: Any = json.loads(document) if document is not None else None
    except ValueError:
        return None
    for name in path.split(".")[1:]:
        value = value.get(name) if isinstance(value, dict) else None
    if value is None:
        return None
    return "OBJECT" if isinstance(value, dict) else "ARRAY" if isinstance(value, list) else "VALUE"


def json_valid(document: str | None) -> bool | None:
    """Return whether a text is JSON."""
    if document is None:
        return None
    try:
        json.loads(document)
    except (ValueError, RecursionError):
        return False
    return True


def duck_format(pattern: str | None, *values: Any) -> str | None:
    """Return the pattern with its braces filled; NULL where any value is."""
    return None if pattern is None or None in values else pattern.format(*values)


def row_text(row: Any) -> str | None:
    """Return a row as DuckDB writes it as a text: keys of the price list are made from it."""
    if row is None:
        return None
    answer = _duckdb().execute("select cast($1 as varchar)", [row.asDict(recursive=True)]).fetchone()
    assert answer is not None  # one value gives one row
    return str(answer[0])


@cache
def _duckdb() -> Any:
    import duckdb  # noqa: PLC0415 - in Spark's workers, and there once

    return duckdb.connect()


def mad(values: list[float] | None) -> float | None:
    """Return the median of the distances from the median."""
    middle = _median(values or [])
    return None if middle is None else _median([abs(value - middle) for value in values or []])


def _median(values: list[float]) -> float | None:
    ordered, half = sorted(values), len(values) // 2
    if not ordered:
        return None
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


FUNCTIONS: dict[str, tuple[Any, str]] = {
    "duck_json_type": (json_type, "string"),
    "duck_json_valid": (json_valid, "boolean"),
    "duck_format": (duck_format, "string"),
    "duck_mad": (mad, "double"),
    "duck_row_text": (row_text, "string"),
}
"""Name in Spark, function, type of its result."""
