"""Lines whose texts have expired: the values that figures need replace the text.

A reduced line keeps its id, place and moments. It never gets its text back: an existing line is not inserted
again, and a line from an older copy is reduced again.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from records.mongo_documents import OUR_FIELDS
from records.store import RejectedLine, StoredLine

REMOVED = "textRemoved"
"""The field of a reduced line that holds its rows in schema raw, without texts."""
BYTES = "bytes"
_KEPT = frozenset({"timestamp", "project"})
"""Fields that are kept: when a line was written, and the project of a prompt."""
_OURS = OUR_FIELDS - {"rawLine", "oversized"}
_FIELDS = frozenset({"type", "uuid", "sessionId", REMOVED}) | _KEPT | _OURS
_LONGEST = 4_096


def reduced(line: StoredLine, removed: Mapping[str, Any]) -> StoredLine:
    """Return the line with these values in place of its texts."""
    named = {"type": line.line_type, "uuid": line.uuid, "sessionId": line.session_id}
    fields = {name: text for name, text in named.items() if text is not None}
    before = _value_of(line.content) or {}
    fields |= {name: before[name] for name in _KEPT & before.keys() if _is_short(before[name])}
    if line.place.byte_offset is None:
        fields |= {name: before[name] for name in _OURS & before.keys()}
    return replace(line, content=orjson.dumps(fields | {REMOVED: {**removed, BYTES: len(line.content)}}))


def without_bytes(line: RejectedLine) -> RejectedLine:
    """Return a rejected line with each byte replaced by a question mark."""
    return replace(line, raw=b"?" * len(line.raw))


def removed_of(value: Any) -> dict[str, Any] | None:
    """Return the values that replace a reduced line's texts, or None for every other line."""
    if not isinstance(value, dict) or REMOVED not in value or not value.keys() <= _FIELDS:
        return None
    removed = value.get(REMOVED)
    return removed if isinstance(removed, dict) and isinstance(removed.get(BYTES), int) else None


def original_length(content: bytes) -> int | None:
    """Return how many bytes a line had before its texts were removed; None if they were not."""
    removed = removed_of(_value_of(content)) if REMOVED.encode() in content else None
    return int(removed[BYTES]) if removed else None


def _is_short(value: Any) -> bool:
    return isinstance(value, int | float) or (isinstance(value, str) and len(value) <= _LONGEST)


def _value_of(content: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(content)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
