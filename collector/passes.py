"""Passes over the transcripts: new lines go to the record store, unreadable files are recorded."""

import os
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from collector.batch import Batch, FileRun
from collector.opening import Note, opened
from collector.pass_result import CollectProgress, CollectResult
from collector.reader import Reading, read, retrace
from common.excluded import is_excluded
from common.masking import Masker
from common.transcript_files import Findings, Transcript, check_folder, check_regular, describe, find, transcript
from records import LineSink
from records.file_state import DIRECTORY, FILE, MISSING, OK, UNREADABLE, FileState

Progress = Callable[[CollectProgress], None]
_NEVER = datetime.fromtimestamp(0, UTC)


class Collector:
    """Collects the transcripts below one directory for one host."""

    def __init__(  # noqa: PLR0913 - each is a choice of its caller
        self,
        store: LineSink,
        transcripts: Path,
        host: str,
        *,
        label: str = "",
        remember: int = 0,
        masker: Masker | None = None,
        longest: int | None = None,
        excluded: Sequence[str] = (),
    ) -> None:
        """Create a collector; nothing is read yet.

        Args:
            store: Where lines go.
            transcripts: The transcripts directory.
            host: This machine's name.
            label: The prefix of its files' names, if other directories have files of the same names.
            remember: How many fingerprints of lines to keep between passes, so that grown files are not read twice.
            masker: Masks lines before they are stored (MASKING=everywhere).
            longest: A file with a longer line counts as unreadable; None if the record store accepts any length.
            excluded: Patterns of projects whose files are not read.
        """
        self.masker, self.longest = masker, longest
        self.store, self.root, self.label, self.host, self._remember = store, transcripts, label, host, remember
        self._readings: OrderedDict[str, tuple[Reading, int]] = OrderedDict()
        self._weight = 0
        self._in_step = False
        self._forgets: list[str] = []
        self.excluded = excluded
        self.states: dict[str, FileState] = {}

    def collect(self, progress: Progress | None = None) -> CollectResult:
        """Make a pass over everything. Raises TranscriptsError or StoreError if it cannot continue."""
        findings = find(self.root, self.label)
        with self._keeping_step():
            return _Pass(self, progress).run(findings.transcripts, findings)

    def collect_some(self, paths: Iterable[Path]) -> CollectResult:
        """Make a pass over these files only. Raises TranscriptsError or StoreError if it cannot continue."""
        transcripts = [transcript(self.root, path, self.label) for path in sorted(paths)]
        with self._keeping_step():
            return _Pass(self, None).run(transcripts, None)

    def require_root(self) -> None:
        """Raise TranscriptsError if the transcripts directory is missing or unreadable."""
        check_folder(self.root)

    def recall(self, state: FileState, file: BinaryIO, stat: os.stat_result, end: int) -> Reading | None:
        """Return the reading that this state describes, or None if the file no longer begins with the bytes read."""
        if state.read_bytes == 0:
            return Reading()
        if end < state.read_bytes:
            return None
        kept, _ = self._readings.get(state.source_file, (None, 0))
        if kept and kept.offset == state.read_bytes and state.inode == stat.st_ino and kept.still_there(file):
            return kept
        return retrace(file, state.read_bytes, state.digest, split_lines=state.split_lines)

    def keep(self, state: FileState, reading: Reading) -> None:
        """Cache a reading, and evict the least recently used ones if there are too many fingerprints."""
        _, before = self._readings.pop(state.source_file, (None, 0))
        self._readings[state.source_file] = reading, reading.weight
        self._weight += reading.weight - before
        while self._weight > self._remember and self._readings:
            _, (_, weight) = self._readings.popitem(last=False)
            self._weight -= weight

    @contextmanager
    def _keeping_step(self) -> Iterator[None]:
        """Keep the cache only after a successful pass, and while the database agrees.

        A failed pass has counted lines that were not stored; the database may be dropped or restored, and files
        forgotten.
        """
        self.store.synchronise()
        forgets = [request.id for request in self.store.forget_requests()]
        self._in_step = self._in_step and forgets == self._forgets
        self._forgets = forgets
        newest = max(self.states.values(), key=lambda state: state.collected_at or _NEVER, default=None)
        if not self._in_step or newest is None or not self.store.has_state(newest):
            self.states = self.store.states(self.host)
            self._readings.clear()
            self._weight = 0
        self._in_step = False
        yield
        self._in_step = True


class _Pass:
    """One pass: its files, its result and its progress."""

    def __init__(self, collector: Collector, progress: Progress | None) -> None:
        self._collector, self._progress = collector, progress
        self._started = time.monotonic()
        self._tally = CollectResult()
        self._batch = Batch(collector.store, self._tally, collector.masker, collector.excluded)
        self._files_done, self._bytes_total = 0, 0

    def run(self, transcripts: list[Transcript], findings: Findings | None) -> CollectResult:
        """Read what is new in these; with findings, also record files that are missing or could not be read."""
        self._tally.files = len(transcripts)
        for file, state in self._changed(self._wanted(transcripts)):
            self._read(file, state)
            self._files_done += 1
            self._report()
        if findings is not None:
            self._record_absent(findings)
        self._batch.flush()
        self._let_go_of_forgotten()
        self._report()
        self._tally.seconds = time.monotonic() - self._started
        return self._tally

    def _wanted(self, transcripts: list[Transcript]) -> list[Transcript]:
        """Return the transcripts without those of excluded projects and those that are entirely forgotten."""
        read = [file for file in transcripts if not is_excluded(file.source_file, self._collector.excluded)]
        self._tally.files_excluded = len(transcripts) - len(read)
        if not self._collector.store.forget_requests():
            return read
        forgotten = self._forgotten(file for file in read if file.source_file not in self._collector.states)
        self._tally.files_forgotten = len(forgotten)
        return [file for file in read if file.source_file not in forgotten]

    def _forgotten(self, files: Iterable[Transcript]) -> set[str]:
        states = {}
        for file in files:
            state = FileState.new(self._collector.host, self._collector.root, file.source_file)
            with suppress(OSError):  # unreadable files are recorded when they are opened
                state.saw(file.path.stat())
            states[state.id] = state
        return {states[name].source_file for name in self._collector.store.refused_files(states.values())}

    def _let_go_of_forgotten(self) -> None:
        for state in self._batch.forgotten_files.values():
            self._collector.store.forget_file(state)
            self._collector.states.pop(state.source_file, None)

    def _changed(self, transcripts: list[Transcript]) -> list[tuple[Transcript, FileState]]:
        changed = []
        for file in transcripts:
            state = self._state(file.source_file)
            stat = self._look(file, state)
            if stat is None or state.is_current(stat):
                self._files_done += 1
                self._tally.files_unfinished += stat is not None and state.read_bytes < state.size
            else:
                changed.append((file, state))
                self._bytes_total += max(0, stat.st_size - state.read_bytes)
        return changed

    def _state(self, source_file: str, kind: str = FILE) -> FileState:
        collector = self._collector
        known = collector.states.get(source_file)
        if known is None:
            known = FileState.new(collector.host, collector.root, source_file, kind)
            collector.states[source_file] = known
        if known.root != str(collector.root):  # the folder has a new mount point, as after an upgrade
            known.root = str(collector.root)
            self._batch.change(known)
        return known

    def _look(self, file: Transcript, state: FileState) -> os.stat_result | None:
        try:
            stat = file.path.stat()
            check_regular(stat)
        except OSError as error:
            self._record(state, error)
            return None
        return stat

    def _read(self, file: Transcript, state: FileState) -> None:
        try:
            with opened(file) as (content, stat, end):
                self._read_open(content, FileRun(state, Reading(), file.stem), stat, end)
        except OSError as error:
            self._record(state, error)

    def _read_open(self, file: BinaryIO, run: FileRun, stat: os.stat_result, end: int) -> None:
        run.reading = self._recall(run.state, file, stat, end)
        before = self._tally.bytes_read
        for physical in read(run.reading, file, end, self._collector.longest):
            if self._batch.add(run, physical):
                self._report()
        if isinstance(file, Note):
            masker = self._collector.masker
            run.layout.whole = masker.text(file.original) if masker else file.original
        self._tally.files_read += self._tally.bytes_read > before
        self._tally.files_unfinished += run.reading.offset < min(end, stat.st_size)
        run.state.saw(stat)
        self._batch.touch(run)
        self._collector.keep(run.state, run.reading)

    def _recall(self, state: FileState, file: BinaryIO, stat: os.stat_result, end: int) -> Reading:
        if state.read_bytes and not state.digest:
            state.forget()
        reading = self._collector.recall(state, file, stat, end)
        if reading is not None:
            return reading
        state.reset(self._collector.store.now())
        self._collector.store.save_states([state])  # before any line of the new content, see FileState.reset_at
        self._tally.resets += 1
        self._bytes_total += stat.st_size
        return Reading()

    def _record(self, state: FileState, error: OSError) -> None:
        gone = isinstance(error, FileNotFoundError | NotADirectoryError)
        self._tally.files_unreadable += not gone
        if state.became(MISSING if gone else UNREADABLE, describe(error)):
            self._batch.change(state)

    def _record_absent(self, findings: Findings) -> None:
        """Record missing files, and directories that cannot be read, or can be read again."""
        present = {file.source_file for file in findings.transcripts}
        for name, error in findings.unreadable.items():
            self._tally.files_unreadable += 1
            if self._state(name, DIRECTORY).became(UNREADABLE, error):
                self._batch.change(self._state(name, DIRECTORY))
        for name, state in list(self._collector.states.items()):
            if name not in present and name not in findings.unreadable and state.root == str(self._collector.root):
                self._record_one_absent(state, findings)

    def _record_one_absent(self, state: FileState, findings: Findings) -> None:
        if state.kind == DIRECTORY:
            status, error = OK, None
        elif any(state.source_file.startswith(f"{folder}/") for folder in findings.unreadable):
            status, error = UNREADABLE, "is in a directory that cannot be read"
        else:
            status, error = MISSING, None
        if state.became(status, error):
            self._batch.change(state)

    def _report(self) -> None:
        if self._progress is not None:
            tally = self._tally
            self._progress(
                CollectProgress(
                    files_done=self._files_done,
                    files_total=tally.files,
                    bytes_done=tally.bytes_read,
                    bytes_total=max(self._bytes_total, tally.bytes_read),
                    lines=tally.lines,
                )
            )
