"""Gathers lines of any number of files, stores them together, then the states of those files.

The order is what makes a pass killable: parts, then documents, then dead letters, then states.
"""

from dataclasses import dataclass, field

from collector.line_documents import Origin, dead_letter, document, envelope
from collector.lines import identity, parse, uuid_of
from collector.pass_result import CollectorError
from collector.reader import PhysicalLine, Reading, ReadLine
from collector.state import FileState
from collector.store import CONVERSATIONS, DEAD_LETTERS, Source, Store

MAX_LINES = 1000
MAX_BYTES = 16 * 1024 * 1024


@dataclass(slots=True)
class Tally:
    """What a pass has done so far; the fields are those of CollectResult."""

    files: int = 0
    files_read: int = 0
    files_unreadable: int = 0
    files_unfinished: int = 0
    lines: int = 0
    documents: int = 0
    known: int = 0
    duplicates: int = 0
    dead_letters: int = 0
    oversized: int = 0
    bytes_read: int = 0
    resets: int = 0


@dataclass(slots=True)
class FileRun:
    """A file being read: its state as stored, and the reading that goes beyond it."""

    state: FileState
    reading: Reading
    stem: str

    @property
    def origin(self) -> Origin:
        """The fields of every document made of this file's lines."""
        return Origin(self.state.host, self.state.project_id, self.state.source_file)


@dataclass(slots=True)
class _Pending:
    """A document on its way to the store."""

    document_id: str
    encoded: bytes
    run: FileRun
    raw: bytes = b""
    """The line, as long as no part holds it: the server may still refuse the document."""


@dataclass(slots=True)
class Batch:
    """Lines that are read but not stored yet."""

    store: Store
    tally: Tally
    _documents: list[_Pending] = field(default_factory=list)
    _dead_letters: list[_Pending] = field(default_factory=list)
    _touched: dict[str, FileRun] = field(default_factory=dict)
    _changed: dict[str, FileState] = field(default_factory=dict)
    _bytes: int = 0

    def add(self, run: FileRun, physical: PhysicalLine) -> bool:
        """Take what was read at once from a file; store everything if that makes enough, and say so."""
        for read in physical.lines:
            self._add_line(run, read)
        state = run.state
        state.lines += len(physical.lines)
        state.split_lines = state.split_lines or physical.is_split
        self.tally.lines += len(physical.lines)
        self.tally.bytes_read += physical.size
        self._touched[state.id] = run
        full = self._bytes >= MAX_BYTES or len(self._documents) + len(self._dead_letters) >= MAX_LINES
        if full:
            self.flush()
        return full

    def touch(self, run: FileRun) -> None:
        """Store this file's state with the next flush, new lines or not."""
        self._touched[run.state.id] = run

    def change(self, state: FileState) -> None:
        """Store this state with the next flush; it has no lines on their way."""
        self._changed[state.id] = state
        if len(self._changed) >= MAX_LINES:
            self.flush()

    def _add_line(self, run: FileRun, read: ReadLine) -> None:
        document_id = identity(read.line, read.fingerprint, run.stem, read.repetition)
        if read.line.value is None:
            self._add_dead_letter(run, read, document_id)
        elif read.repetition and uuid_of(read.line.value):
            self._count_duplicate(run)
        else:
            self._add_document(run, read, document_id)

    def _add_document(self, run: FileRun, read: ReadLine, document_id: str) -> None:
        encoded, reason = document(read.line, document_id, run.origin)
        if reason is not None:
            self.store.insert_parts(read.line.raw, document_id)
            self.tally.oversized += 1
        raw = read.line.raw if reason is None else b""
        self._documents.append(_Pending(document_id, encoded, run, raw))
        self._bytes += len(encoded)

    def _add_dead_letter(self, run: FileRun, read: ReadLine, document_id: str) -> None:
        encoded, in_parts = dead_letter(read.line, document_id, run.origin, read.byte_offset)
        if in_parts:
            self.store.insert_parts(read.line.raw, document_id)
        self._dead_letters.append(_Pending(document_id, encoded, run))
        self._bytes += len(encoded)
        run.state.dead_letters += 1
        self.tally.dead_letters += 1

    def _count_duplicate(self, run: FileRun) -> None:
        run.state.duplicates += 1
        self.tally.duplicates += 1

    def flush(self) -> None:
        """Store all lines, then the states of their files."""
        if self._documents:
            self._store_documents(self._documents)
        if self._dead_letters:
            refused = self.store.insert(DEAD_LETTERS, [each.encoded for each in self._dead_letters]).others
            _require_accepted(refused)
        for run in self._touched.values():
            run.state.read_bytes, run.state.digest = run.reading.offset, run.reading.digest
            self._changed[run.state.id] = run.state
        self.store.save(self._changed.values())
        self._documents, self._dead_letters, self._touched, self._changed = [], [], {}, {}
        self._bytes = 0

    def _store_documents(self, pending: list[_Pending]) -> None:
        refusals = self.store.insert(CONVERSATIONS, [each.encoded for each in pending])
        for index, reason in refusals.others.items():
            if self._store_envelope(pending[index], f"refused by the server: {reason}"):
                refusals.duplicates.append(index)
        self.tally.documents += len(pending) - len(refusals.duplicates)
        self._judge_duplicates([pending[index] for index in refusals.duplicates])

    def _store_envelope(self, pending: _Pending, reason: str) -> bool:
        """Keep in parts what the server will not have whole; whether it was there already."""
        if not pending.raw:
            raise _refused(reason)
        self.store.insert_parts(pending.raw, pending.document_id)
        encoded = envelope(parse(pending.raw)[0], pending.document_id, pending.run.origin, reason)
        refusals = self.store.insert(CONVERSATIONS, [encoded])
        _require_accepted(refusals.others)
        self.tally.oversized += 1
        return bool(refusals.duplicates)

    def _judge_duplicates(self, pending: list[_Pending]) -> None:
        sources = self.store.sources([each.document_id for each in pending]) if pending else {}
        for each in pending:
            if _is_own(each.run.state, sources.get(each.document_id)):
                self.tally.known += 1
            else:
                self._count_duplicate(each.run)


def _is_own(state: FileState, source: Source | None) -> bool:
    """Whether a document was stored by an earlier reading of the same bytes of the same file, one that was killed."""
    if source is None or (source.host, source.source_file) != (state.host, state.source_file):
        return False
    return state.reset_at is None or source.ingested_at is None or source.ingested_at >= state.reset_at


def _require_accepted(refusals: dict[int, str]) -> None:
    for reason in refusals.values():
        raise _refused(reason)


def _refused(reason: str) -> CollectorError:
    return CollectorError(f"MongoDB refused a document of ours: {reason}; check its disk space and log")
