"""Bounds the size of a line's columns over all of its rows: each block's row repeats them."""

from typing import Any, TypeVar

import orjson

from loader.cut import scalars_json
from loader.flatten_line import LineFields
from loader.flatten_usage import UsageFields

REPEATED_LIMIT = 32 * 1024 * 1024
"""The most characters of a line's names and usage over all of its rows."""
FEW_BLOCKS = 256
"""This many rows are below the limit whatever the line contains."""
SHORTEST_NAME = 64
"""Characters of a name that are kept in any case: every id of Claude Code's fits."""
_SHORT_USAGE = 256

Fields = TypeVar("Fields", LineFields, UsageFields)


def shortened(fields: LineFields, usage: UsageFields, block_count: int) -> tuple[LineFields, UsageFields]:
    """Return a line's columns, with texts shortened if its many rows would repeat long ones."""
    if block_count <= FEW_BLOCKS or (_length(fields) + _length(usage)) * block_count <= REPEATED_LIMIT:
        return fields, usage
    if usage.usage is not None and len(usage.usage) > _SHORT_USAGE:
        usage = usage._replace(usage=scalars_json(orjson.loads(usage.usage), _SHORT_USAGE))
    return _cut(fields), _cut(usage)


def _length(fields: Fields) -> int:
    return sum(len(value) for value in fields if isinstance(value, str))


def _cut(fields: Fields) -> Fields:
    long: dict[str, Any] = {
        name: value[:SHORTEST_NAME]
        for name, value in fields._asdict().items()
        if isinstance(value, str) and len(value) > SHORTEST_NAME and name != "usage"
    }
    return fields._replace(**long)
