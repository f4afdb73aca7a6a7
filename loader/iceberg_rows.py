"""A MongoDB document as the row of the Iceberg table: the whole document as JSON, and the few fields to find it by.

The JSON is MongoDB's relaxed extended JSON: what JSON cannot say keeps its type ({"$date": ...}, {"$oid": ...}).
"""

import json
import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import bson
import orjson
from bson import json_util
from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo.database import Database

PARTS = "conversation_parts"

CODEC: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
    unicode_decode_error_handler="replace",
)

EARLIEST, LATEST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
"""A date outside is as none at all: it would overflow in another timezone."""

_RELAXED = json_util.RELAXED_JSON_OPTIONS
_ORJSON = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS
# The end of a double that is NaN or infinite; orjson would write null. These two bytes never meet in UTF-8 text, and
# where they meet by chance (a negative integer) the slower writer gives the same result.
_NOT_FINITE = re.compile(rb"[\xf0-\xff][\x7f\xff]")

_ADDED = ("_id", "ingestedAt", "host", "projectId", "sourceFile", "oversized")
"""What of an envelope is not the line's own; its `message`, say, is but an excerpt of the line's."""

Row = dict[str, Any]


def document_id(value: Any) -> str:
    """An `_id` as text: a string as it is, anything else as an extended JSON object, so that no two ids meet."""
    if isinstance(value, str) and not value.startswith("{"):
        return value
    text = json_util.dumps(value, json_options=json_util.CANONICAL_JSON_OPTIONS)
    return text if text.startswith("{") and not isinstance(value, dict) else f'{{"$id": {text}}}'


def _default(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    return json_util.default(value, json_options=_RELAXED)


def to_json(document: dict[str, Any]) -> str:
    """The document as relaxed extended JSON, every type kept; for documents without NaN or infinite numbers."""
    return orjson.dumps(document, default=_default, option=_ORJSON).decode()


def _to_json_any(document: dict[str, Any]) -> str:
    return json_util.dumps(document, json_options=_RELAXED, ensure_ascii=False)


def decode_batch(batch: bytes, database: Database[Any]) -> Iterator[Row]:
    """The rows of one raw batch of documents; oversized lines come back whole from their parts."""
    write = _to_json_any if _NOT_FINITE.search(batch) else to_json
    for document in bson.decode_all(batch, CODEC):
        if isinstance(document.get("oversized"), dict):
            yield _row(document, _whole_line(document, database))
        else:
            yield _row(document, write(document))


def _row(document: dict[str, Any], text: str) -> Row:
    ingested_at = document.get("ingestedAt")
    return {
        "document_id": document_id(document["_id"]),
        "session_id": _text(document.get("sessionId")),
        "uuid": _text(document.get("uuid")),
        "type": _text(document.get("type")),
        "project_id": _text(document.get("projectId")),
        "source_file": _text(document.get("sourceFile")),
        "host": _text(document.get("host")),
        "ingested_at": ingested_at if isinstance(ingested_at, datetime) and EARLIEST <= ingested_at <= LATEST else None,
        "document": text,
    }


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _whole_line(envelope: dict[str, Any], database: Database[Any]) -> str:
    """The line itself, read back from its parts, with the fields that the collector added.

    What JSON cannot hold (NaN, a lone surrogate, a number beyond a double) is written as text that it can; the exact
    bytes stay in the parts. The envelope alone is what remains of a line that nobody can read back.
    """
    parts = database[PARTS].find({"conversationId": envelope["_id"]})
    raw = b"".join(part["data"] for part in sorted(parts, key=lambda part: part["part"]))
    added = {key: value for key, value in envelope.items() if key in _ADDED}
    try:
        line = json.loads(raw.decode("utf-8", "replace"), parse_constant=str, parse_float=_number, parse_int=_number)
        return _to_text({**line, **added})
    except (ValueError, RecursionError):
        return _to_text(envelope)


def _number(digits: str) -> float | str:
    """DuckDB takes a document with a number beyond a double for no JSON at all."""
    if math.isinf(float(digits)):
        return digits
    return int(digits) if digits.lstrip("-").isdigit() else float(digits)


def _to_text(whole: dict[str, Any]) -> str:
    text = json.dumps(whole, default=lambda value: json_util.default(value, json_options=_RELAXED), ensure_ascii=False)
    return text.encode("utf-8", "replace").decode()
