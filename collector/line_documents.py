"""A line -> the documents that MongoDB gets: whole where BSON can hold it exactly, else an envelope and the raw bytes.

`ingestedAt` stands at a fixed place in each encoded document, because the moment that counts is the one at which the
batch is sent, and sent again after a failure.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import bson
from bson.binary import Binary
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument

from collector.lines import Line

MAX_DOCUMENT = 16 * 1024 * 1024 - 16 * 1024
"""MongoDB's limit, less what a server may add."""
PART_BYTES = 8 * 1024 * 1024
SHOWN_BYTES = 1024 * 1024
"""How much of a line set aside is kept in the dead letter itself; a longer one also lies in parts."""
OUR_FIELDS = frozenset({"_id", "ingestedAt", "host", "projectId", "sourceFile", "oversized"})

_ENVELOPE_STRING = 4096
_ENVELOPE_FIELDS = 200
_MESSAGE_FIELDS = ("id", "type", "role", "model", "stop_reason", "usage")
_MAX_CLEAN_DEPTH = 5
_NEVER = datetime.fromtimestamp(0, UTC)
# length, then _id as a string of 32 hex digits, then type and name of ingestedAt
_STAMP = 4 + (1 + len(b"_id\0") + 4 + 33) + (1 + len(b"ingestedAt\0"))


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a line was read: the fields every document carries."""

    host: str
    project_id: str
    source_file: str

    def fields(self, document_id: str) -> dict[str, Any]:
        """The first fields of a document, `ingestedAt` at the place where `stamped` expects it."""
        return {
            "_id": document_id,
            "ingestedAt": _NEVER,
            "host": self.host,
            "projectId": self.project_id,
            "sourceFile": self.source_file,
        }


def stamped(encoded: bytes, moment: datetime) -> RawBSONDocument:
    """An encoded document with this moment as its `ingestedAt`."""
    milliseconds = struct.pack("<q", round(moment.timestamp() * 1000))
    return RawBSONDocument(encoded[:_STAMP] + milliseconds + encoded[_STAMP + 8 :])


def document(line: Line, document_id: str, origin: Origin) -> tuple[bytes, str | None]:
    """The encoded line; or its encoded envelope with the reason why the line itself has to lie in parts."""
    assert line.value is not None
    reason = line.reason or _collision(line.value) or _excess(line)
    if reason is None:
        encoded, reason = _encode({**origin.fields(document_id), **line.value})
        if encoded is not None:
            return encoded, None
    reason = reason or "refused"
    return envelope(line, document_id, origin, reason), reason


def _collision(value: dict[str, Any]) -> str | None:
    taken = sorted(OUR_FIELDS & value.keys())
    return f"has a field named {taken[0]} of its own" if taken else None


def _excess(line: Line) -> str | None:
    """Whether a long line cannot fit, found without encoding it: that would take three times its size in memory."""
    if len(line.raw) <= MAX_DOCUMENT:
        return None
    size = 0
    inner: list[Any] = [line.value]
    while inner and size <= MAX_DOCUMENT:
        each = inner.pop()
        size += len(each) + 2 if isinstance(each, str) else 2
        if isinstance(each, dict):
            size += sum(map(len, each))
            inner.extend(each.values())
        elif isinstance(each, list):
            inner.extend(each)
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


def envelope(line: Line, document_id: str, origin: Origin, reason: str) -> bytes:
    """What is kept in `conversations` of a line that lies in parts: enough to recognise and to count it."""
    value = line.value or {}
    small = {key: item for key, item in list(value.items())[:_ENVELOPE_FIELDS] if key not in OUR_FIELDS}
    fields = {key: item for key, item in _clean(small, 1).items() if not isinstance(item, dict)}
    message = value.get("message")
    if isinstance(message, dict):
        fields["message"] = _clean({key: message[key] for key in _MESSAGE_FIELDS if key in message}, _MAX_CLEAN_DEPTH)
    size = {"bytes": len(line.raw), "parts": part_count(line.raw), "reason": reason}
    return bson.encode({**origin.fields(document_id), **fields, "oversized": size})


def _clean(fields: dict[str, Any], depth: int) -> dict[str, Any]:
    """What of these fields is small and safe for BSON: scalars, and objects down to this depth."""
    cleaned: dict[str, Any] = {}
    for key, item in fields.items():
        name = _text(key)
        if isinstance(item, dict) and depth > 1:
            cleaned[name] = _clean(item, depth - 1)
        elif _is_small(item) and name and "\0" not in name and not name.startswith("$"):
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


def dead_letter(line: Line, document_id: str, origin: Origin, byte_offset: int) -> tuple[bytes, bool]:
    """The encoded dead letter, and whether the exact bytes have to lie in parts because it does not show them all."""
    shown = line.raw[:SHOWN_BYTES].decode("utf-8", "replace")
    in_parts = shown.encode() != line.raw
    fields = origin.fields(document_id) | {
        "byteOffset": byte_offset,
        "lineBytes": len(line.raw),
        "reason": line.reason or "not JSON",
        "line": shown,
    }
    if in_parts:
        fields["parts"] = part_count(line.raw)
    return bson.encode(fields), in_parts


def part_count(raw: bytes) -> int:
    """How many parts a line of these bytes has."""
    return max(1, -(-len(raw) // PART_BYTES))


def parts(raw: bytes, document_id: str) -> Iterator[dict[str, Any]]:
    """The documents of `conversation_parts` that hold these bytes in order."""
    for index in range(part_count(raw)):
        data = Binary(raw[index * PART_BYTES : (index + 1) * PART_BYTES])
        yield {"_id": f"{document_id}:{index}", "conversationId": document_id, "part": index, "data": data}
