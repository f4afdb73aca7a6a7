"""Puts a transcript together again from the record store; its digest proves that each byte is as it was read."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import BinaryIO

from collector.opening import note_line
from common.chunks import chunks
from common.masking import MASK
from common.transcript_files import META_SUFFIX
from records import RecordStore
from records.file_state import FileState
from records.layouts import Layout, read_layout
from records.reduced import original_length

_LINES_AT_ONCE = 50


@dataclass(slots=True)
class Outcome:
    """What came of putting a file together."""

    size: int = 0
    is_exact: bool = False
    missing: list[tuple[int, int]] = field(default_factory=list)
    """Ranges of bytes, the second one excluded, that the record store cannot give back."""
    masked: int = 0
    """Lines whose secrets were masked before they were stored."""
    reduced: int = 0
    """Lines whose texts are no longer kept."""

    @property
    def problem(self) -> bool:
        """Whether bytes differ for another reason than masks, or texts that are no longer kept."""
        return bool(self.missing) or not (self.is_exact or self.masked or self.reduced)

    def describe(self, state: FileState) -> str:
        """Say in one line what is not as it was read."""
        if self.reduced and not self.problem:
            kept = "only the facts that figures need are kept"
            return f"the texts of {self.reduced:,} lines are no longer kept (TEXT_RETENTION_DAYS); {kept}"
        if not self.problem:
            return f"the secrets of {self.masked:,} lines are masked, as they are stored (MASKING=everywhere)"
        if self.missing:
            ranges = ", ".join(f"{start}-{end - 1}" for start, end in self.missing[:5])
            more = f" and {len(self.missing) - 5} more ranges" if len(self.missing) > 5 else ""
            lost = sum(end - start for start, end in self.missing)
            return f"{lost:,} of {state.read_bytes:,} bytes are not kept: bytes {ranges}{more}"
        if not state.digest:
            return "version 0.1.0 stored no digest of it, so its bytes cannot be verified"
        return "its digest differs: it was collected by a version that did not keep the bytes between its lines"


def write_transcript(store: RecordStore, state: FileState, own: Mapping[int, str], file: BinaryIO) -> Outcome:
    """Write what was read of a transcript.

    Args:
        store: Where its lines are.
        state: What is known of the file.
        own: The ids of the lines that were stored from this file, by their offset.
        file: Where to; it can seek.
    """
    layout = read_layout(store.layouts(state.host, state.source_file, state.resets))
    if layout.whole is not None and state.source_file.endswith(META_SUFFIX):
        return _write_note(state, layout.whole, file)
    outcome = Outcome()
    for places in _candidates(state, own, layout):
        file.seek(0)
        file.truncate()
        outcome = _Writer(store, state, layout, file).write(places)
        if not outcome.problem:
            break
    return outcome


def _candidates(state: FileState, own: Mapping[int, str], layout: Layout) -> Iterator[dict[int, str]]:
    """Yield which lines may be where. Of a file that was rewritten, `own` has lines of its former contents as well."""
    if state.resets:
        yield layout.lines
    yield {**own, **layout.lines}


def _write_note(state: FileState, original: bytes, file: BinaryIO) -> Outcome:
    file.write(original)
    line = note_line(state.source_file, original)
    exact = _digest(line) == state.digest
    return Outcome(
        len(original), exact, masked=int(not exact and bool(MASK.search(original.decode("utf-8", "replace"))))
    )


def _digest(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()


class _Writer:
    """Writes one file from its start to the end of what was read."""

    def __init__(self, store: RecordStore, state: FileState, layout: Layout, file: BinaryIO) -> None:
        self._store, self._state, self._file = store, state, file
        self._gaps, self._gap_offsets = layout.gaps, sorted(layout.gaps)
        self._masked = layout.masked
        self._hash = blake2b(digest_size=16)
        self._position = 0
        self._outcome = Outcome()

    def write(self, places: Mapping[int, str]) -> Outcome:
        end = self._state.read_bytes
        for offset, content in self._lines(sorted(place for place in places.items() if place[0] < end)):
            if offset >= self._position:  # else it overlaps the line before: one of a former content
                self._fill(offset)
                self._put(content)
                self._outcome.masked += offset in self._masked
                had = original_length(content)
                self._outcome.reduced += had is not None
                self._position = offset + self._masked.get(offset, len(content) if had is None else had)
        self._fill(end)
        exact = not self._outcome.missing and self._position == end and self._hash.hexdigest() == self._state.digest
        self._outcome.is_exact = exact
        return self._outcome

    def _lines(self, places: list[tuple[int, str]]) -> Iterator[tuple[int, bytes]]:
        for some in chunks(places, _LINES_AT_ONCE):
            wanted = {line_id for _, line_id in some}
            found = {line.line_id: line.content for line in self._store.read_lines(list(wanted))}
            if rejected := list(wanted - found.keys()):
                found |= {line.line_id: line.raw for line in self._store.read_rejected(rejected)}
            yield from ((offset, found[line_id]) for offset, line_id in some if line_id in found)

    def _fill(self, end: int) -> None:
        """Write what is between the last line and this offset: what is kept, or the line feed that ends a line."""
        while self._position < end:
            kept = self._gaps.get(self._position)
            if kept:
                self._put(kept[: end - self._position])
                self._position += len(kept)
                continue
            until = self._next_gap(end)
            if until - self._position == 1 and self._position:
                self._put(b"\n")
            else:
                self._outcome.missing.append((self._position, until))
                self._put(b"\n" if self._position else b"")  # so that the lines around it stay lines
            self._position = until

    def _next_gap(self, end: int) -> int:
        index = bisect_right(self._gap_offsets, self._position)
        return min(end, self._gap_offsets[index]) if index < len(self._gap_offsets) else end

    def _put(self, content: bytes) -> None:
        self._file.write(content)
        self._hash.update(content)
        self._outcome.size += len(content)
