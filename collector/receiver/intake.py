"""Stores a delivery: lines before the states that count them, everything before it is acknowledged.

A delivery may arrive twice, late, or overlap with earlier ones: lines are identified by their ids, and a file's state
only moves forward. A file whose delivery begins after its known state is behind: its lines are stored, its state is
not, and the response says where to continue reading.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from collector.batch import place_line
from collector.wire import Delivery, SentFile, SentLine, WireError
from common.transcript_files import project_of
from records import NewLine, Place, RecordStore, RejectedLine, Source
from records.file_state import DIRECTORY, FileState
from records.forgotten import Origin
from records.layouts import Layout
from records.lines import parse, session_of


@dataclass(slots=True)
class _File:
    """A file of a delivery: its known state, and its next one."""

    sent: SentFile
    known: FileState | None
    state: FileState
    layout: Layout

    @property
    def position(self) -> tuple[int, int]:
        return (self.known.resets, self.known.read_bytes) if self.known else (0, 0)

    @property
    def is_behind(self) -> bool:
        return self.sent.kind != DIRECTORY and self.sent.before > self.position

    @property
    def is_news(self) -> bool:
        return self.sent.kind == DIRECTORY or (not self.is_behind and self.sent.after >= self.position)

    def counts(self, byte_offset: int) -> bool:
        """Return whether a line at this offset was not counted before."""
        return self.is_news and (self.state.resets, byte_offset) >= self.position


def take(store: RecordStore, host: str, delivery: Delivery, person: str | None = None) -> list[FileState]:
    """Store a delivery of this host and person; return the known states of the files that are behind.

    Raises WireError for lines of a file that the delivery does not name, StoreError if the store fails.
    """
    files = _files(store, host, delivery)
    for file in files.values():
        file.state.person = person if file.sent.kind == DIRECTORY else None
    kept, rejected = _without_forgotten(store, *_lines(host, delivery, files))
    with store.transaction():
        outcomes = store.insert_lines(kept)
        for line, source in zip(kept, outcomes, strict=True):
            _count(files, line, source)
        store.insert_rejected(rejected)
        parts = [part for file in files.values() if file.is_news for part in file.layout.parts(file.state)]
        if parts:
            store.save_layouts(parts)
        store.save_states([file.state for file in files.values() if file.is_news])
    return [file.known or _unread(file.state) for file in files.values() if file.is_behind]


def _files(store: RecordStore, host: str, delivery: Delivery) -> dict[str, _File]:
    known = store.states_of(host, [sent.source_file for sent in delivery.files])
    layouts = {sent.source_file: sent.layout() for sent in delivery.layouts}
    files = {}
    for sent in delivery.files:
        before = known.get(sent.source_file)
        state = sent.state(host, project_of(sent.source_file))
        if before:
            state.duplicates, state.collected_at = before.duplicates, before.collected_at
            state.reset_at = before.reset_at if before.resets == state.resets else store.now()
        files[sent.source_file] = _File(sent, before, state, layouts.get(sent.source_file, Layout()))
    return files


def _lines(host: str, delivery: Delivery, files: dict[str, _File]) -> tuple[list[NewLine], list[RejectedLine]]:
    kept: list[NewLine] = []
    rejected = [
        RejectedLine(sent.line_id, sent.raw, sent.reason or "not JSON", _place(host, sent, files))
        for sent in delivery.rejected
    ]
    for sent in delivery.lines:
        place, lines = _place(host, sent, files), parse(sent.raw)
        if len(lines) == 1 and lines[0].value is not None:
            kept.append(NewLine(sent.line_id, lines[0], place))
        else:
            rejected.append(RejectedLine(sent.line_id, sent.raw, "sent as a line, but not a JSON object", place))
    return kept, rejected


def _without_forgotten(
    store: RecordStore, lines: list[NewLine], rejected: list[RejectedLine]
) -> tuple[list[NewLine], list[RejectedLine]]:
    """Drop lines that were forgotten on request: machines do not have the requests."""
    refused = store.refused(
        [
            *(Origin(line.line_id, session_of(line.line.value, ""), line.place.source_file) for line in lines),
            *(Origin(line.line_id, None, line.place.source_file) for line in rejected),
        ]
    )
    if not refused:
        return lines, rejected
    kept = [line for line in lines if line.line_id not in refused]
    return kept, [line for line in rejected if line.line_id not in refused]


def _place(host: str, sent: SentLine, files: dict[str, _File]) -> Place:
    if sent.source_file not in files:
        raise WireError(f"expected the state of each file that has lines, found none of {sent.source_file[:200]!r}")
    return Place(host, project_of(sent.source_file), sent.source_file, sent.byte_offset)


def _count(files: dict[str, _File], line: NewLine, source: Source | None) -> None:
    file, offset = files[line.place.source_file or ""], line.place.byte_offset or 0
    if file.is_news:
        is_own = place_line(line, file.state, file.layout, source)
        file.state.duplicates += not is_own and file.counts(offset)


def _unread(state: FileState) -> FileState:
    """Return the state of a file without a known state."""
    return FileState(state.host, state.source_file, state.project_id, state.root)


def known_files(store: RecordStore, host: str) -> Iterator[FileState]:
    """Yield the known states of a host's files: a machine that lost its spool continues from them."""
    return (state for state in store.states(host).values() if state.kind != DIRECTORY)
