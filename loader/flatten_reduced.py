"""The rows of a line whose texts have expired: the line contains the rows that were made from it before.

Each value is checked as if it came from a transcript: a line that only resembles a reduced one does no harm.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple, TypeVar, get_args

import orjson

from loader.arrow_rows import Row
from loader.cut import TEXT_LIMIT
from loader.flatten_blocks import BlockFields
from loader.flatten_line import LineFields, Source
from loader.flatten_plain import checked_numbers
from loader.flatten_results import ResultFields
from loader.flatten_usage import ReportedFields, UsageFields, reported_fields, usage_fields
from loader.raw_schema import RAW_COLUMNS
from loader.values import LARGEST_COUNT, LARGEST_INTEGER, LARGEST_MONEY, Checker, Kind, RejectedValue
from records.reduced import removed_of

_SHOULD_BE = "expected a row of a line whose texts were removed, found"
Fields = TypeVar("Fields", LineFields, UsageFields, ReportedFields, BlockFields, ResultFields)
Secret = tuple[str, str, str, str, int]


class NotReducedError(ValueError):
    """The line is not a valid reduced line."""


class WasRejectedError(Exception):
    """The line could not be flattened before its texts were removed; the message is the reason."""


class Reduced(NamedTuple):
    """The rows of a reduced line for the tables of schema raw."""

    rows: list[Row]
    rejected: list[RejectedValue]
    secrets: list[Secret]


def reduced_rows(source: Source, value: Any) -> Reduced | None:
    """Return the rows of a reduced line; None for any other. Raises WasRejectedError if it had none."""
    removed = removed_of(value)
    if removed is None:
        return None
    if isinstance(reason := removed.get("rejected"), str):
        raise WasRejectedError(reason)
    try:
        return Reduced(list(_rows(source, removed)), list(_rejected(source, removed)), list(_secrets(source, removed)))
    except (KeyError, TypeError, ValueError):
        return None


def _rows(source: Source, removed: dict[str, Any]) -> Iterator[Row]:
    shared, rows = removed["line"], removed["rows"]
    if not rows:
        raise NotReducedError(f"{_SHOULD_BE} none")
    for index, own in enumerate(rows):
        values = {**shared, **own, "block_index": index, "block_count": len(rows)}
        values["conversation_id"] = f"{source.document_id}:{index}"
        usage, reported = _fields(UsageFields, values), _fields(ReportedFields, values)
        line = _fields(LineFields, values)
        if line.message_type not in (None, "user", "assistant"):
            raise NotReducedError(f"{_SHOULD_BE} a message of type {line.message_type}")
        block = _fields(BlockFields, values)
        if isinstance(attributes := _parsed(block.attributes), dict):
            block = block._replace(attributes=orjson.dumps(checked_numbers(attributes, Checker())).decode())
        yield Row(source, line, _usage(usage), _reported(reported), block, _fields(ResultFields, values))


def _fields(kind: type[Fields], values: dict[str, Any]) -> Fields:
    return kind(**{name: _value(name, kind.__annotations__[name], values.get(name)) for name in kind._fields})


def _value(name: str, annotation: Any, value: Any) -> Any:
    """Return a value of a column. Raises NotReducedError if it does not fit the column."""
    if value is None:
        return False if annotation is bool else None
    kind = RAW_COLUMNS[name].split()[0]
    if not _is_taken(kind, value):
        raise NotReducedError(f"{_SHOULD_BE} {value!r} in {name}")
    return _moment(value) if kind == "timestamptz" else value


def _is_taken(kind: str, value: Any) -> bool:
    if kind in ("varchar", "timestamptz"):
        return isinstance(value, str) and len(value) <= TEXT_LIMIT
    if kind == "json":
        return isinstance(value, str) and _parsed(value) is not None
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "double":
        return isinstance(value, int | float) and 0 <= value <= LARGEST_MONEY
    return _is_whole(value, LARGEST_INTEGER if kind == "integer" else LARGEST_COUNT)


def _is_whole(value: Any, largest: int) -> bool:
    return type(value) is int and 0 <= value <= largest


def _moment(value: str) -> datetime:
    checker = Checker()
    moment = checker.time("timestamp", value)
    if moment is None:
        raise NotReducedError(f"{_SHOULD_BE} {value!r} as a moment")
    return moment


def _parsed(text: str | None) -> Any:
    return None if text is None else orjson.loads(text)


def _usage(fields: UsageFields) -> UsageFields:
    """Return the columns, without unusable numbers in the JSON."""
    return fields._replace(usage=usage_fields(_parsed(fields.usage), Checker()).usage)


def _reported(fields: ReportedFields) -> ReportedFields:
    models = reported_fields({"modelUsage": _parsed(fields.reported_model_usage)}, Checker())
    return fields._replace(reported_model_usage=models.reported_model_usage)


def _rejected(source: Source, removed: dict[str, Any]) -> Iterator[RejectedValue]:
    for field, kind in removed.get("rejectedValues", ()):
        if kind not in get_args(Kind):
            raise NotReducedError(f"{_SHOULD_BE} {kind!r} as the kind of a value")
        yield RejectedValue(source.document_id, str(field), kind, None)


def _secrets(source: Source, removed: dict[str, Any]) -> Iterator[Secret]:
    for kind, fingerprint, place, occurrences in removed.get("maskedSecrets", ()):
        if not _is_whole(occurrences, LARGEST_INTEGER):
            raise NotReducedError(f"{_SHOULD_BE} {occurrences!r} secrets")
        yield source.document_id, str(kind), str(fingerprint), str(place), occurrences
