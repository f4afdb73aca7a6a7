"""Records as JSON lines, a row each, and back. Any program that reads JSON reads them; a line is the last field.

A line is embedded as it is, in `line`, where it is strict JSON in UTF-8; else its bytes are in `raw`, as base64. So the
bytes of `line` begin behind the first `,"line":` of a row (within a JSON text a quote would be escaped) and end before
the last brace.
"""

import base64
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any

import orjson

from common.chunks import chunks
from records import Place, RecordStore, RejectedLine, StoredLine
from records.file_state import FileState, as_utc
from records.forgotten import ForgetRequest, Mark
from records.layouts import LayoutPart

_LINE = b',"line":'
_MARKS_AT_ONCE = 1_000


def _origin(line: StoredLine | RejectedLine) -> dict[str, Any]:
    """Return the fields that both kinds of lines have, in the order in which they are written."""
    place = line.place
    return {
        "id": line.line_id,
        "ingested_at": line.ingested_at,
        "host": place.host,
        "project": place.project_id,
        "file": place.source_file,
        "offset": place.byte_offset,
    }


def line_row(line: StoredLine) -> bytes:
    """Return a line with everything that the record store knows of it."""
    about = {
        **_origin(line),
        "session": line.session_id,
        "uuid": line.uuid,
        "type": line.line_type,
    }
    return _with_content(about, line.content)


def line_of(row: bytes) -> StoredLine:
    """Return the line of a row."""
    about, content = _split(row)
    place = Place(about["host"], about["project"], about["file"], about["offset"])
    named = about["session"], about["uuid"], about["type"]
    return StoredLine(about["id"], *named, place, as_utc(about["ingested_at"]), content)


def rejected_row(line: RejectedLine) -> bytes:
    """Return a rejected line; its bytes are in `raw`."""
    about = {
        **_origin(line),
        "reason": line.reason,
        "raw": base64.b64encode(line.raw).decode(),
    }
    return orjson.dumps(about)


def rejected_of(row: bytes) -> RejectedLine:
    """Return the rejected line of a row."""
    about = orjson.loads(row)
    place = Place(about["host"], about["project"], about["file"], about["offset"])
    raw = base64.b64decode(about["raw"])
    return RejectedLine(about["id"], raw, about["reason"], place, as_utc(about["ingested_at"]))


def state_row(state: FileState) -> bytes:
    """Return what is known of a transcript."""
    return orjson.dumps(state.to_document())


def state_of(row: bytes) -> FileState:
    """Return the state of a row."""
    return FileState.from_document(orjson.loads(row))


def layout_row(part: LayoutPart) -> bytes:
    """Return what is kept of a transcript besides its lines; `content` is JSON packed with zlib, as base64."""
    about = {"host": part.host, "file": part.source_file, "version": part.version, "offset": part.byte_offset}
    return orjson.dumps(about | {"content": base64.b64encode(part.content).decode()})


def layout_of(row: bytes) -> LayoutPart:
    """Return the part of a row."""
    about = orjson.loads(row)
    place = about["host"], about["file"], about["version"], about["offset"]
    return LayoutPart(*place, base64.b64decode(about["content"]))


def forgotten_entries(store: RecordStore) -> Iterator[ForgetRequest | list[Mark]]:
    """Yield the log of requests, then all marks."""
    yield from store.forget_requests()
    yield from chunks(store.all_marks(), _MARKS_AT_ONCE)


def forgotten_row(entry: ForgetRequest | list[Mark]) -> bytes:
    """Return a request to forget, or some marks of what was."""
    if isinstance(entry, ForgetRequest):
        return orjson.dumps({"request": entry.to_document()})
    return orjson.dumps({"marks": [[mark.mark, mark.request_id] for mark in entry]})


def forgotten_of(row: bytes) -> ForgetRequest | list[Mark]:
    """Return what a row tells of what was forgotten."""
    about = orjson.loads(row)
    if "request" in about:
        return ForgetRequest.from_document(about["request"])
    return [Mark(*mark) for mark in about["marks"]]


def print_of(row: bytes) -> int:
    """Return a number that stands for a row."""
    return int.from_bytes(blake2b(row, digest_size=16).digest(), "big")


def line_print(line: StoredLine) -> int:
    """Return a number that stands for a line: its id, place, moment and bytes, whichever store it is read from."""
    place = line.place
    about = f"{line.line_id}\0{line.ingested_at}\0{place.host}\0{place.source_file}\0{place.byte_offset}\0"
    return print_of(about.encode("utf-8", "replace") + line.content)


def digest_of(prints: Iterable[int]) -> str:
    """Return what stands for all of these, whatever their order."""
    return f"{sum(prints) % 2**128:032x}"


def rows_of(content: bytes) -> Iterator[bytes]:
    """Yield the rows of a part; no JSON holds a line feed."""
    return (row for row in content.split(b"\n") if row)


def _with_content(about: dict[str, Any], content: bytes) -> bytes:
    try:
        orjson.loads(content)
    except ValueError:
        return orjson.dumps(about | {"raw": base64.b64encode(content).decode()})
    return orjson.dumps(about)[:-1] + _LINE + content + b"}"


def _split(row: bytes) -> tuple[dict[str, Any], bytes]:
    head, found, content = row.partition(_LINE)
    if found:
        return orjson.loads(head + b"}"), content[:-1]
    about = orjson.loads(row)
    return about, base64.b64decode(about["raw"])
