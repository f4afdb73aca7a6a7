"""The record store as parts of a backup: every line once, by ranges of the moment of ingestion.

A range with the same number of lines as in the last backup is reused unread; the others, and the last one while it is
small, are read and rewritten. So a backup reads little more than the new lines, and has few parts.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import takewhile

from common.chunks import chunks
from records import RecordStore, StoredLine
from records.store import EARLIEST
from vault.manifest import FORGOTTEN, LAYOUTS, LINES, REJECTED, STATES, UNDATED, Part
from vault.rows import (
    forgotten_entries,
    forgotten_row,
    layout_row,
    line_print,
    line_row,
    print_of,
    rejected_row,
    state_row,
)
from vault.writing import PART_BYTES, PartWriter

_IDS_AT_ONCE = 100
_FULL_BYTES = PART_BYTES // 2
"""A last part with less is written again together with what came since."""


def record_parts(store: RecordStore, writer: PartWriter) -> Iterator[Part]:
    """Yield everything of the record store, to be read inside a snapshot of it.

    States come first and lines last: each is written before what counts it.
    """
    yield from _small_parts(writer, FORGOTTEN, map(forgotten_row, forgotten_entries(store)))
    yield from _small_parts(writer, STATES, map(state_row, store.all_states()))
    yield from _small_parts(writer, LAYOUTS, map(layout_row, store.all_layouts()))
    rejected = chunks(sorted(store.rejected_ids()), _IDS_AT_ONCE)
    read = (line for ids in rejected for line in sorted(store.read_rejected(ids), key=lambda line: line.line_id))
    yield from _small_parts(writer, REJECTED, map(rejected_row, read))
    undated = chunks(sorted(store.undated_ids()), _IDS_AT_ONCE)
    lines = (line for ids in undated for line in sorted(store.read_lines(ids), key=lambda line: line.line_id))
    for some in chunks(lines, PART_BYTES, weight=lambda line: len(line.content)):
        yield writer.rows(UNDATED, [line_row(line) for line in some], [line_print(line) for line in some])
    yield from _line_parts(store, writer)


def _small_parts(writer: PartWriter, kind: str, rows: Iterable[bytes]) -> Iterator[Part]:
    for some in chunks(rows, PART_BYTES, weight=len):
        yield writer.rows(kind, some, [print_of(row) for row in some])


def _line_parts(store: RecordStore, writer: PartWriter) -> Iterator[Part]:
    position = EARLIEST
    for part in _usable(writer.reusable(LINES)):
        after, up_to = part.after or EARLIEST, part.up_to or EARLIEST
        if after > position:  # the one before it is gone from the place
            yield from _read_lines(store, writer, position, after)
        if store.count_between(after, up_to) == part.rows:
            yield part
        else:
            yield from _read_lines(store, writer, after, up_to)
        position = up_to
    yield from _read_lines(store, writer, position, None)


def _usable(parts: list[Part]) -> list[Part]:
    """Leave out a last part that is small."""
    return parts[:-1] if parts and parts[-1].content_bytes < _FULL_BYTES else parts


def _read_lines(store: RecordStore, writer: PartWriter, after: datetime, up_to: datetime | None) -> Iterator[Part]:
    lines: Iterable[StoredLine] = store.read_after(after)
    if up_to is not None:
        lines = takewhile(lambda line: line.ingested_at is not None and line.ingested_at <= up_to, lines)
    for rows, prints, last in _cut(lines):
        yield writer.rows(LINES, rows, prints, after=after, up_to=last)
        after = last


def _cut(lines: Iterable[StoredLine]) -> Iterator[tuple[list[bytes], list[int], datetime]]:
    """Yield rows, their prints and the moment of the last one; lines of the same moment stay together."""
    rows: list[bytes] = []
    prints: list[int] = []
    size, last = 0, EARLIEST
    for line in lines:
        moment = line.ingested_at or EARLIEST
        if size >= PART_BYTES and moment != last:
            yield rows, prints, last
            rows, prints, size = [], [], 0
        row = line_row(line)
        rows.append(row)
        prints.append(line_print(line))
        size, last = size + len(row), moment
    if rows:
        yield rows, prints, last
