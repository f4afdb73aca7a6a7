"""MongoDB documents as lines: ours as the exact original bytes, other tools' as extended JSON."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import bson
import orjson
from bson import json_util
from bson.codec_options import CodecOptions, DatetimeConversion

from records.file_state import as_utc
from records.mongo_documents import OUR_FIELDS
from records.store import EARLIEST, LATEST, Place, StoredLine

CODEC: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
    unicode_decode_error_handler="replace",
)

_RELAXED = json_util.RELAXED_JSON_OPTIONS
_ORJSON = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS
# The end of a double that is NaN or infinite; orjson would write null. These two bytes are never adjacent in UTF-8, and
# if they are by chance (a negative integer), the slower writer has the same result.
_NOT_FINITE = re.compile(rb"[\xf0-\xff][\x7f\xff]")

Parts = Callable[[str], bytes]
"""Reads the raw bytes of a line that is stored in parts."""


def document_id(value: Any) -> str:
    """Return an `_id` as text: strings unchanged, others as extended JSON objects, so that no two ids collide."""
    if isinstance(value, str) and not value.startswith("{"):
        return value
    text = json_util.dumps(value, json_options=json_util.CANONICAL_JSON_OPTIONS)
    return text if text.startswith("{") and not isinstance(value, dict) else f'{{"$id": {text}}}'


def id_value(line_id: str) -> Any:
    """Return the `_id` that `document_id` made this text of."""
    if not line_id.startswith("{"):
        return line_id
    value = json_util.loads(line_id)
    return value["$id"] if isinstance(value, dict) and value.keys() == {"$id"} else value


def decode_batch(batch: bytes, parts: Parts) -> Iterator[StoredLine]:
    """Yield the lines of one raw batch of documents."""
    write = _any_json if _NOT_FINITE.search(batch) else _json
    for document in bson.decode_all(batch, CODEC):
        yield stored_line(document, parts, write)


def stored_line(
    document: dict[str, Any], parts: Parts, write: Callable[[dict[str, Any]], bytes] | None = None
) -> StoredLine:
    """Return a document as its original line."""
    offset = document.get("byteOffset")
    ours = isinstance(offset, int) and isinstance(document["_id"], str)
    if isinstance(document.get("oversized"), dict):
        content = _whole(document, parts, ours=ours)
    elif ours:
        content = document.get("rawLine") or _json(without_our_fields(document))
    else:
        content = (write or _any_json)(document)
    return StoredLine(
        line_id=document_id(document["_id"]),
        session_id=_text(document.get("sessionId")),
        uuid=_text(document.get("uuid")),
        line_type=_text(document.get("type")),
        place=_place(document, ours=ours),
        ingested_at=usable_moment(document.get("ingestedAt")),
        content=bytes(content),
    )


def _place(document: dict[str, Any], *, ours: bool) -> Place:
    offset = document.get("byteOffset")
    return Place(
        host=_text(document.get("host")),
        project_id=_text(document.get("projectId")),
        source_file=_text(document.get("sourceFile")),
        byte_offset=int(offset) if ours and isinstance(offset, int) else None,
    )


def without_our_fields(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document without what the collector added to the line."""
    return {key: value for key, value in document.items() if key not in OUR_FIELDS}


def usable_moment(value: Any) -> datetime | None:
    """Return a moment of ingestion, or None if it is not a date in our range."""
    return as_utc(value) if isinstance(value, datetime) and EARLIEST <= value <= LATEST else None


def _whole(envelope: dict[str, Any], parts: Parts, *, ours: bool) -> bytes:
    """Return the line from its parts; if they are missing, only the envelope."""
    raw = parts(envelope["_id"])
    if not raw:
        return _any_json(envelope)
    return raw if ours else _with_added(raw, envelope)


def _with_added(raw: bytes, envelope: dict[str, Any]) -> bytes:
    """Return a line of version 0.1.0 with its own fields first, then the collector's."""
    added = _any_json({key: value for key, value in envelope.items() if key in OUR_FIELDS})
    return raw.rstrip(b" \t\r\n\0")[:-1] + b"," + added[1:]


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _json(document: dict[str, Any]) -> bytes:
    """Write relaxed extended JSON, every type kept; for documents without NaN or infinite numbers."""
    return orjson.dumps(document, default=_default, option=_ORJSON)


def _default(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    return json_util.default(value, json_options=_RELAXED)


def _any_json(document: dict[str, Any]) -> bytes:
    text: str = json_util.dumps(document, json_options=_RELAXED, ensure_ascii=False)
    return text.encode("utf-8", "replace")
