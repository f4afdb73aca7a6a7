"""Converts the record store's lines to rows of the Iceberg tables, and back, without decoding a line."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from common.catalog import CONVERSATIONS_SCHEMA, DEAD_LETTERS_SCHEMA
from common.masking import Masker
from loader.masked_columns import masked_documents, masked_texts
from records import Place, RejectedLine, StoredLine

SHOWN_BYTES = 1024 * 1024
"""How much of a rejected line its row has as text; the rest is only in `exact_line`."""

LINE_COLUMNS = tuple(name for name in CONVERSATIONS_SCHEMA.column_names if name != "extracted_at")
_LINES = CONVERSATIONS_SCHEMA.as_arrow()
_REJECTED = DEAD_LETTERS_SCHEMA.as_arrow()


def rows_of_lines(lines: Sequence[StoredLine], extracted_at: datetime, masker: Masker | None = None) -> pa.Table:
    """Return lines as rows of raw.conversations, their secrets masked if there is a masker."""
    documents, exact = _texts([line.content for line in lines])
    if masker:
        documents, exact = masked_documents(masker, documents), [raw and masker.text(raw) for raw in exact]
    columns = {
        "document_id": [line.line_id for line in lines],
        "session_id": [line.session_id for line in lines],
        "uuid": [line.uuid for line in lines],
        "type": [line.line_type for line in lines],
        **_place_columns([line.place for line in lines]),
        "ingested_at": [line.ingested_at for line in lines],
        "extracted_at": [extracted_at] * len(lines),
    }
    return _table(_LINES, columns | {"document": documents, "exact_line": exact})


def lines_of_rows(rows: pa.Table) -> Iterator[StoredLine]:
    """Yield rows of raw.conversations as their original lines."""
    names = ("document_id", "session_id", "uuid", "type", "host", "project_id", "source_file", "byte_offset")
    columns = [_values(rows, name) for name in names]
    contents = _contents(rows, "document")
    for line_id, session_id, uuid, line_type, host, project_id, source_file, offset, moment, content in zip(
        *columns, _values(rows, "ingested_at"), contents, strict=True
    ):
        place = Place(host, project_id, source_file, offset)
        yield StoredLine(line_id, session_id, uuid, line_type, place, moment, content)


def rows_of_rejected(lines: Sequence[RejectedLine], masker: Masker | None = None) -> pa.Table:
    """Return rejected lines as rows of raw.dead_letters, their secrets masked if there is a masker."""
    contents = [line.raw for line in lines]
    if masker:
        contents = masked_texts(masker, contents)
    shown = [content[:SHOWN_BYTES].decode("utf-8", "replace") for content in contents]
    columns = {
        "document_id": [line.line_id for line in lines],
        **_place_columns([line.place for line in lines]),
        "line_bytes": [len(line.raw) for line in lines],
        "reason": [line.reason for line in lines],
        "line": shown,
        "ingested_at": [line.ingested_at for line in lines],
        "exact_line": _unless_shown(shown, contents),
    }
    return _table(_REJECTED, columns)


def rejected_of_rows(rows: pa.Table) -> Iterator[RejectedLine]:
    """Yield rows of raw.dead_letters as their original rejected lines."""
    names = ("document_id", "host", "project_id", "source_file", "byte_offset", "reason", "ingested_at")
    columns = [_values(rows, name) for name in names]
    contents = _contents(rows, "line")
    for line_id, host, project_id, source_file, offset, reason, moment, content in zip(*columns, contents, strict=True):
        place = Place(host, project_id, source_file, offset)
        yield RejectedLine(line_id, content, reason or "not JSON", place, moment)


def _place_columns(places: Sequence[Place]) -> dict[str, list[Any]]:
    return {
        "project_id": [place.project_id for place in places],
        "source_file": [place.source_file for place in places],
        "host": [place.host for place in places],
        "byte_offset": [place.byte_offset for place in places],
    }


def _texts(contents: list[bytes]) -> tuple[pa.Array, list[bytes | None]]:
    """Return contents as text, and the bytes of each that is not valid UTF-8."""
    try:
        return pa.array(contents, pa.binary()).cast(pa.string()), [None] * len(contents)
    except pa.ArrowInvalid:
        texts = [content.decode("utf-8", "replace") for content in contents]
        return pa.array(texts, pa.string()), _unless_shown(texts, contents)


def _table(schema: pa.Schema, columns: dict[str, Any]) -> pa.Table:
    arrays = [
        column
        if isinstance(column := columns[field.name], pa.Array | pa.ChunkedArray)
        else pa.array(column, field.type)
        for field in schema
    ]
    return pa.table([array.cast(field.type) for array, field in zip(arrays, schema, strict=True)], schema=schema)


def _values(rows: pa.Table, name: str) -> Iterable[Any]:
    """Return a column's values; None for rows from before the column existed."""
    return rows[name].to_pylist() if name in rows.column_names else [None] * rows.num_rows


def _unless_shown(texts: list[str], contents: list[bytes]) -> list[bytes | None]:
    """Return for each content its bytes, or None if the text has them all."""
    return [None if text.encode() == raw else raw for text, raw in zip(texts, contents, strict=True)]


def _contents(rows: pa.Table, name: str) -> Iterator[bytes]:
    texts = _bytes(rows, name)
    return (exact or text or b"" for text, exact in zip(texts, _values(rows, "exact_line"), strict=True))


def _bytes(rows: pa.Table, name: str) -> list[bytes | None]:
    kind = rows[name].type
    raw = pa.large_binary() if pa.types.is_large_string(kind) else pa.binary()
    values: list[bytes | None] = rows[name].cast(raw).to_pylist()
    return values
