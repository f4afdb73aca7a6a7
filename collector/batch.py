"""Collects lines of any number of files and stores them with the states of those files, in one transaction.

Without transactions, the order makes it safe to kill a pass: lines, then rejected lines, then states.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from collector.masked_lines import masked_line
from collector.pass_result import CollectResult
from collector.reader import PhysicalLine, Reading, ReadLine
from common.excluded import is_excluded_path
from common.masking import Masker
from records import LineSink, NewLine, Place, RejectedLine, Source
from records.file_state import FileState
from records.forgotten import Origin
from records.layouts import Layout
from records.lines import identity, session_of

MAX_LINES = 1000
MAX_BYTES = 16 * 1024 * 1024
GAP_BYTES = 64
"""What a layout entry costs besides its bytes: a million blank lines are not an empty batch."""


@dataclass(slots=True)
class FileRun:
    """A file being read: its stored state, and the reading that is ahead of it."""

    state: FileState
    reading: Reading
    stem: str
    layout: Layout = field(default_factory=Layout)
    """What the file has besides the lines read since the last flush."""
    forgotten: int = 0
    """Lines that were refused since the file was opened."""

    @property
    def is_forgotten(self) -> bool:
        """Whether every line of the file was refused, so that nothing of it may be stored."""
        return self.forgotten > 0 and self.state.lines == 0

    def place(self, byte_offset: int) -> Place:
        """Return where a line of this file was read."""
        return Place(self.state.host, self.state.project_id, self.state.source_file, byte_offset)


@dataclass(slots=True)
class Batch:
    """Lines that are read but not stored yet."""

    store: LineSink
    tally: CollectResult
    masker: Masker | None = None
    """Masks lines before they are stored; their ids are computed from the unmasked lines."""
    excluded: Sequence[str] = ()
    """Patterns of projects whose prompts are not stored; their files are not read in the first place."""
    _lines: list[tuple[NewLine, FileRun]] = field(default_factory=list)
    _rejected: list[tuple[RejectedLine, FileRun]] = field(default_factory=list)
    _touched: dict[str, FileRun] = field(default_factory=dict)
    _changed: dict[str, FileState] = field(default_factory=dict)
    _bytes: int = 0
    forgotten_files: dict[str, FileState] = field(default_factory=dict)
    """Files of which every line so far was refused: their states are not stored, because they contain names."""

    def add(self, run: FileRun, physical: PhysicalLine) -> bool:
        """Add one physical line of a file; flush if the batch is full, and return whether it was."""
        kept = [read for read in physical.lines if not self._is_excluded(read)]
        for read in kept:
            self._add_line(run, read)
        for byte_offset, content in physical.gaps:
            run.layout.add_gap(byte_offset, content)
            self._bytes += len(content) + GAP_BYTES
        state = run.state
        state.lines += len(kept)
        self.tally.excluded += len(physical.lines) - len(kept)
        state.split_lines = state.split_lines or physical.is_split
        self.tally.lines += len(physical.lines)
        self.tally.bytes_read += physical.size
        self._touched[state.id] = run
        full = self._bytes >= MAX_BYTES or len(self._lines) + len(self._rejected) >= MAX_LINES
        if full:
            self.flush()
        return full

    def _is_excluded(self, read: ReadLine) -> bool:
        """Return whether a line is a prompt in Claude Code's history from an excluded project."""
        value = read.line.value
        return bool(
            self.excluded and value and "display" in value and is_excluded_path(value.get("project"), self.excluded)
        )

    def touch(self, run: FileRun) -> None:
        """Store this file's state with the next flush, new lines or not."""
        self._touched[run.state.id] = run

    def change(self, state: FileState) -> None:
        """Store this state with the next flush; none of its lines are waiting."""
        self._changed[state.id] = state
        if len(self._changed) >= MAX_LINES:
            self.flush()

    def _add_line(self, run: FileRun, read: ReadLine) -> None:
        line_id = identity(read.line, read.fingerprint, run.stem, read.repetition)
        line = masked_line(self.masker, read.line) if self.masker else read.line
        if line is not read.line:
            run.layout.masked[read.byte_offset] = len(read.line.raw)
        self._bytes += len(line.raw)
        if line.value is not None:
            self._lines.append((NewLine(line_id, line, run.place(read.byte_offset)), run))
            return
        reason, place = line.reason or "not JSON", run.place(read.byte_offset)
        self._rejected.append((RejectedLine(line_id, line.raw, reason, place), run))

    def flush(self) -> None:
        """Store all lines and the states of their files."""
        if not (self._lines or self._rejected or self._touched or self._changed):
            return
        with self.store.transaction():
            self._leave_out_forgotten()
            self._count_rejected()
            outcomes = self.store.insert_lines([line for line, _ in self._lines])
            self._count(outcomes)
            self.store.insert_rejected([line for line, _ in self._rejected])
            self._save_layouts()
            for run in self._touched.values():
                run.state.read_bytes, run.state.digest = run.reading.offset, run.reading.digest
                self._keep_state(run)
            self.store.save_states(self._changed.values())
        self._lines, self._rejected, self._touched, self._changed = [], [], {}, {}
        self._bytes = 0

    def _keep_state(self, run: FileRun) -> None:
        if run.is_forgotten:
            self.forgotten_files[run.state.id] = run.state
        else:
            self.forgotten_files.pop(run.state.id, None)
            self._changed[run.state.id] = run.state

    def _leave_out_forgotten(self) -> None:
        """Drop the lines that a person asked to forget."""
        origins = [
            *(Origin(line.line_id, session_of(line.line.value, ""), line.place.source_file) for line, _ in self._lines),
            *(Origin(line.line_id, None, line.place.source_file) for line, _ in self._rejected),
        ]
        if not (refused := self.store.refused(origins)):
            return
        gone: list[tuple[NewLine | RejectedLine, FileRun]] = [*self._lines, *self._rejected]
        for line, run in gone:
            is_refused = line.line_id in refused
            run.forgotten += is_refused
            run.state.lines -= is_refused
            self.tally.forgotten += is_refused
        self._lines = [(line, run) for line, run in self._lines if line.line_id not in refused]
        self._rejected = [(line, run) for line, run in self._rejected if line.line_id not in refused]

    def _count_rejected(self) -> None:
        for line, run in self._rejected:
            assert line.place.byte_offset is not None
            # the store does not say which file it came from
            run.layout.lines[line.place.byte_offset] = line.line_id
            run.state.dead_letters += 1
            self.tally.dead_letters += 1

    def _count(self, outcomes: list[Source | None]) -> None:
        for (line, run), source in zip(self._lines, outcomes, strict=True):
            is_own = place_line(line, run.state, run.layout, source)
            if source is None:
                self.tally.documents += 1
            elif is_own:
                self.tally.known += 1
            else:
                run.state.duplicates += 1
                self.tally.duplicates += 1

    def _save_layouts(self) -> None:
        kept = (run for run in self._touched.values() if not run.is_forgotten)
        parts = [part for run in kept for part in run.layout.parts(run.state)]
        if parts:
            self.store.save_layouts(parts)
        for run in self._touched.values():
            run.layout = Layout()


def place_line(line: NewLine, state: FileState, layout: Layout, source: Source | None) -> bool:
    """Add to the layout what the store does not record of a line's place; return whether the line is the file's own."""
    is_own = source is None or _is_own(line.place, state, source)
    is_placed = is_own and not state.resets and (source is None or source.byte_offset is not None)
    if not is_placed and line.place.byte_offset is not None:
        layout.lines[line.place.byte_offset] = line.line_id
    return is_own


def _is_own(place: Place, state: FileState, source: Source) -> bool:
    """Return whether a line was stored by an earlier, killed pass over the same bytes of the same file."""
    if (source.host, source.source_file) != (place.host, place.source_file):
        return False
    if source.byte_offset not in (place.byte_offset, None):
        return False  # the line is repeated within its file
    return state.reset_at is None or source.ingested_at is None or source.ingested_at >= state.reset_at
