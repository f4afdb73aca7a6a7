"""Writes a history of an exact number of lines, and lets it grow by an exact number of lines.

The sample is generated once and copied as often as it takes, each copy with its own ids, days and texts
(bench/templates.py). Copies spread over a year. One session is long: its transcript holds a twenty-fifth of all bytes,
which is 100 MB at a million lines. The sessions of the last day have begun and go on when the history grows.
"""

import math
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random

from bench.pool import Pool
from bench.templates import Copy, SessionTemplate, session_templates
from sample.transcripts import write_sample

UNTIL = date(2026, 6, 30)
"""The day after the last: fixed, so that the same seed gives the same bytes."""
_SAMPLE_DAYS, _DAYS = 60, 365
_BEGUN_LINES = 40
_LONG_SESSION, _GROWTH = 1_000_000, 2_000_000
"""Numbers of copies: no other copy has one of these."""


def default_large_file(lines: int) -> int:
    """Return the bytes of the long session's transcript: 100 MB from a million lines on."""
    return min(100_000_000, lines * 100)


@dataclass
class History:
    """A history on disk."""

    root: Path
    seed: int
    templates: list[SessionTemplate]
    pool: Pool
    lines: int = 0
    bytes: int = 0
    notes: int = 0
    """Files beside the transcripts of sub-agents; each becomes one document, as each line does."""
    grown: int = 0

    @property
    def documents(self) -> int:
        """How many documents the record store gets."""
        return self.lines + self.notes

    def grow(self, lines: int) -> None:
        """Add so many lines at the end: some sessions go on, others begin."""
        left = lines
        self.pool.reseed(self.seed + 1 + self.grown)
        for session, copy, begun in _growing(self.templates, self.pool, self.grown):
            left -= _Session(self, session, copy).write(left, skip=begun)
            if not left:
                break
        self.grown += 1


def write_history(root: Path, lines: int, *, seed: int = 7, large_file: int | None = None, growths: int = 0) -> History:
    """Write so many lines below this folder, ready to grow so many times; the same arguments give the same bytes."""
    with tempfile.TemporaryDirectory(dir=root.parent) as folder:
        write_sample(Path(folder), seed=seed, days=_SAMPLE_DAYS, until=UNTIL)
        templates = session_templates(Path(folder), Random(seed))  # noqa: S311 - the point is that it repeats
    history = History(root, seed, templates, pool := Pool(seed))
    for number in range(growths):
        for session, copy, begun in list(_growing(history.templates, pool, number))[:6]:
            _Session(history, session, copy).write(min(begun, lines - history.lines))
    _write_long_session(history, pool, lines, default_large_file(lines) if large_file is None else large_file)
    _write_copies(history, pool, lines)
    return history


def _write_copies(history: History, pool: Pool, lines: int) -> None:
    size = sum(len(lines) for session in history.templates for _, lines in session.files)
    copies = max(1, math.ceil((lines - history.lines) / size))
    for number in range(copies):
        shift = timedelta(days=(_DAYS - _SAMPLE_DAYS) * number // copies)
        for session in reversed(history.templates):
            _Session(history, session, Copy(number, -shift, pool)).write(lines - history.lines)


def _write_long_session(history: History, pool: Pool, lines: int, size: int) -> None:
    """Write copies of one session as one that took a month."""
    session = max(history.templates, key=lambda session: len(session.files[0][1]) / len(session.files))
    alone = SessionTemplate(session.files[:1], [], session.starts, session.ends)
    began, end = datetime.combine(UNTIL, datetime.min.time(), UTC) - timedelta(days=31), history.bytes + size
    for number in count():
        if history.bytes >= end or history.lines >= lines:
            return
        shift = began - session.starts + timedelta(hours=min(number / 2, 24 * 29))
        copy = Copy(_LONG_SESSION + number, shift, pool, session=_LONG_SESSION)
        _Session(history, alone, copy).write(lines - history.lines)


def _growing(templates: list[SessionTemplate], pool: Pool, growth: int) -> Iterator[tuple[SessionTemplate, Copy, int]]:
    """Yield the sessions of the last day for one growth: every other one has begun, by so many lines."""
    last = UNTIL - timedelta(days=1)
    for place in range(len(templates)):
        session = templates[(growth * 11 + place) % len(templates)]
        copy = Copy(_GROWTH + growth, timedelta(days=(last - session.starts.date()).days), pool)
        yield session, copy, _BEGUN_LINES * (place % 2 == 0 and place < 6)


@dataclass
class _Session:
    """Writes one copy of a session."""

    history: History
    session: SessionTemplate
    copy: Copy
    written: int = field(default=0)

    def write(self, most: int, *, skip: int = 0) -> int:
        """Write at most so many lines after the first `skip` of the transcript; return how many there were."""
        if most <= 0:
            return 0
        for index, (name, lines) in enumerate(self.session.files):
            some = lines[0 if index else skip :][: most - self.written]
            if some:
                self._append(name.fill(self.copy).decode(), b"".join([line.fill(self.copy) for line in some]))
                self.written += len(some)
                self.history.lines += len(some)
        if self.written < most:
            for name, note in self.session.notes:
                self.history.notes += 1
                self._append(name.fill(self.copy).decode(), note.fill(self.copy))
        return self.written

    def _append(self, name: str, content: bytes) -> None:
        path = self.history.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(content)
        self.history.bytes += len(content)
