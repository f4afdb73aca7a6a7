"""A line as MongoDB documents: whole if BSON can represent it, else an envelope and the raw bytes in parts.

If the document's JSON differs from the line's bytes (white space, escapes, number formats), `rawLine` has the bytes.
`ingestedAt` has a fixed place in each encoded document, because it has to be the moment at which the batch is sent, or
sent again after a failure.
"""

import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import bson
import orjson
from bson.binary import Binary
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument

from records.lines import Line
from records.store import Place, RejectedLine

MAX_DOCUMENT = 16 * 1024 * 1024 - 16 * 1024
"""MongoDB's limit, minus what a server may add."""
MAX_DEPTH = 100
"""MongoDB's documented limit for nested documents."""
PART_BYTES = 8 * 1024 * 1024
SHOWN_BYTES = 1024 * 1024
"""How much of a rejected line its dead letter holds; a longer one is whole in `conversation_parts`."""
OUR_FIELDS = frozenset({"_id", "ingestedAt", "host", "projectId", "sourceFile", "byteOffset", "rawLine", "oversized"})

_ENVELOPE_STRING = 4096
_ENVELOPE_FIELDS = 200
_MESSAGE_FIELDS = ("id", "type", "role", "model", "stop_reason", "usage")
_MAX_CLEAN_DEPTH = 5
_NEVER = datetime.fromtimestamp(0, UTC)
# length, then _id as a string of 32 hex digits, then type and name of ingestedAt
_STAMP = 4 + (1 + len(b"_id\0") + 4 + 33) + (1 + len(b"ingestedAt\0"))


def _own_fields(document_id: str, place: Place) -> dict[str, Any]:
    """Return the first fields of a document, `ingestedAt` at the place where `stamped` expects it."""
    return {
        "_id": document_id,
        "ingestedAt": _NEVER,
        "host": place.host,
        "projectId": place.project_id,
        "sourceFile": place.source_file,
        "byteOffset": place.byte_offset,
    }


def stamped(encoded: bytes, moment: datetime) -> RawBSONDocument:
    """Return an encoded document with this moment as its `ingestedAt`."""
    milliseconds = struct.pack("<q", round(moment.timestamp() * 1000))
    return RawBSONDocument(encoded[:_STAMP] + milliseconds + encoded[_STAMP + 8 :])


def document(line: Line, document_id: str, place: Place) -> tuple[bytes, str | None]:
    """Return the encoded line; or its encoded envelope with the reason why the line itself has to be kept in parts."""
    assert line.value is not None
    reason = line.reason or _inexact(line.raw, line.value) or _collision(line.value) or _excess(line)
    if reason is None:
        exact = {} if _gives_back(line) else {"rawLine": Binary(line.raw)}
        encoded, reason = _encode({**_own_fields(document_id, place), **line.value, **exact})
        if encoded is not None:
            return encoded, None
    reason = reason or "refused"
    return envelope(line, document_id, place, reason), reason


def _gives_back(line: Line) -> bool:
    """Return whether the document's JSON is the line, byte for byte."""
    try:
        return orjson.dumps(line.value) == line.raw
    except orjson.JSONEncodeError:  # half a surrogate pair, or an integer beyond 64 bits
        return False


def _inexact(raw: bytes, value: dict[str, Any]) -> str | None:
    """Return why a document of this object would not restore it exactly; the encoder finds the other reasons."""
    if b'"$ref"' in raw and b'"$id"' in raw:
        return "holds $ref and $id, which BSON readers take for a database reference"
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and _deeper_than(value, MAX_DEPTH):
        return f"nested deeper than {MAX_DEPTH} levels"
    return None


def _deeper_than(value: dict[str, Any], limit: int) -> bool:
    level: list[Any] = [value]
    for _ in range(limit):
        inner = (item.values() if isinstance(item, dict) else item for item in level)
        level = [child for children in inner for child in children if isinstance(child, dict | list)]
        if not level:
            return False
    return True


def _collision(value: dict[str, Any]) -> str | None:
    taken = sorted(OUR_FIELDS & value.keys())
    return f"already has a field named {taken[0]}" if taken else None


def _excess(line: Line) -> str | None:
    """Return why a long line cannot fit, without encoding it: that would take three times its size in memory."""
    if len(line.raw) <= MAX_DOCUMENT:
        return None
    size = 0
    inner: list[Any] = [line.value]
    while inner and size <= MAX_DOCUMENT:
        value = inner.pop()
        size += len(value) + 2 if isinstance(value, str) else 2
        if isinstance(value, dict):
            size += sum(map(len, value))
            inner.extend(value.values())
        elif isinstance(value, list):
            inner.extend(value)
    return f"larger than MongoDB's limit of 16 MB: {len(line.raw)} bytes" if size > MAX_DOCUMENT else None


def _encode(fields: dict[str, Any]) -> tuple[bytes | None, str | None]:
    try:
        encoded = bson.encode(fields)
    except UnicodeEncodeError:
        return None, "lone surrogate or invalid UTF-8"
    except OverflowError:
        return None, "integer beyond 64 bits"
    except (BSONError, RecursionError, ValueError) as error:
        return None, f"not possible in BSON: {error}"[:500]
    if len(encoded) > MAX_DOCUMENT:
        return None, f"larger than MongoDB's limit of 16 MB: {len(encoded)} bytes"
    return encoded, None


def envelope(line: Line, document_id: str, place: Place, reason: str) -> bytes:
    """Return the document in `conversations` of a line in parts: enough to identify and to count it."""
    value = line.value or {}
    small = {key: item for key, item in list(value.items())[:_ENVELOPE_FIELDS] if key not in OUR_FIELDS}
    fields = {key: item for key, item in _clean(small, 1).items() if not isinstance(item, dict)}
    message = value.get("message")
    if isinstance(message, dict):
        fields["message"] = _clean({key: message[key] for key in _MESSAGE_FIELDS if key in message}, _MAX_CLEAN_DEPTH)
    size = {"bytes": len(line.raw), "parts": part_count(line.raw), "reason": reason}
    return bson.encode({**_own_fields(document_id, place), **fields, "oversized": size})


def _clean(fields: dict[str, Any], depth: int) -> dict[str, Any]:
    """Return the fields that are small and safe for BSON: scalars, and objects down to this depth."""
    cleaned: dict[str, Any] = {}
    for key, item in fields.items():
        name = _text(key)
        if not name or "\0" in name or name.startswith("$"):
            continue
        if isinstance(item, dict) and depth > 1:
            cleaned[name] = _clean(item, depth - 1)
        elif _is_small(item):
            cleaned[name] = _text(item) if isinstance(item, str) else item
    return cleaned


def _is_small(item: object) -> bool:
    if isinstance(item, str):
        return len(item) <= _ENVELOPE_STRING
    if isinstance(item, int):
        return -(2**63) <= item < 2**63
    if isinstance(item, float):
        return item - item == 0  # neither infinite nor NaN
    return item is None


def _text(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def dead_letter(line: RejectedLine) -> tuple[bytes, bool]:
    """Return the encoded dead letter, and whether it lacks bytes, so that parts are needed."""
    shown = line.raw[:SHOWN_BYTES].decode("utf-8", "replace")
    in_parts = shown.encode() != line.raw
    fields = _own_fields(line.line_id, line.place)
    fields |= {"lineBytes": len(line.raw), "reason": line.reason, "line": shown}
    if in_parts:
        fields["parts"] = part_count(line.raw)
    return bson.encode(fields), in_parts


def part_count(raw: bytes) -> int:
    """Return the number of parts of a line of these bytes."""
    return max(1, -(-len(raw) // PART_BYTES))


def parts(raw: bytes, document_id: str) -> Iterator[dict[str, Any]]:
    """Yield the documents of `conversation_parts` for these bytes, in order."""
    for index in range(part_count(raw)):
        data = Binary(raw[index * PART_BYTES : (index + 1) * PART_BYTES])
        yield {"_id": f"{document_id}:{index}", "conversationId": document_id, "part": index, "data": data}
