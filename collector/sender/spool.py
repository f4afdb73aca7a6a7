"""The lines collected on this machine that are not acknowledged yet, in one private SQLite file.

A delivery and the states of its files are written in one transaction: an offset is never ahead of its lines, and
waiting lines survive a kill, a time offline and the transcript itself. Collectors write (sink.py), the shipper reads.
"""

import fcntl
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from collector.wire import Delivery, SentFile, pack
from common.errors import PassingError
from common.private_files import make_folder
from records.file_state import FileState
from records.store import StoreError

_SCHEMA = """
create table if not exists deliveries (position integer primary key autoincrement, content blob not null);
create table if not exists states (source_file text primary key, state text not null) without rowid;
"""
_REPLACE_STATE = "insert or replace into states values (?, ?)"
_FULL_SECONDS = 1.0


class SpoolError(StoreError):
    """The spool cannot be used."""


class SpoolFullError(SpoolError, PassingError):
    """The spool has reached its limit: nothing more is read until some of it is sent."""


class RewoundError(SpoolError, PassingError):
    """The receiver has less of a file than was read: the pass restarts from the receiver's state."""


class Waiting(NamedTuple):
    """The oldest delivery that waits."""

    position: int
    content: bytes


class Spool:
    """The spool of one machine; threads share it."""

    def __init__(self, path: Path, limit_bytes: int, stop: threading.Event | None = None) -> None:
        """Open the file, and create it if it does not exist.

        Args:
            path: The file.
            limit_bytes: The most bytes that may wait.
            stop: With it, a full spool blocks until this is set; without, it is an error.
        """
        make_folder(path.parent)
        self._held = _hold(path.with_suffix(".lock"))
        self._path, self._limit, self._stop = path, limit_bytes, stop
        self._lock = threading.Lock()
        self.news = threading.Event()
        """Set when a new delivery waits."""
        self.generation = 0
        """Incremented when states are replaced by the receiver's: lines read meanwhile are read again."""
        with self._one_line():
            self._connection = sqlite3.connect(path, 30, isolation_level=None, check_same_thread=False)
            path.chmod(0o600)
            for pragma in ("auto_vacuum = full", "journal_mode = wal", "synchronous = full"):
                self._connection.execute(f"pragma {pragma}")
            self._connection.executescript(_SCHEMA)
            self._bytes = int(self._value("select coalesce(sum(length(content)), 0) from deliveries"))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
        self._held.close()

    def put(self, delivery: Delivery, states: Sequence[FileState], generation: int) -> None:
        """Store a delivery with the states that count its lines, which are added to it.

        Raises RewoundError if states were replaced since `generation`, SpoolFullError if there is no room.
        """
        self._await_room()
        with self._transaction():
            if generation != self.generation:
                raise RewoundError("the receiver has less than was sent: reading again from its offsets")
            known = self._states([state.source_file for state in states])
            files = [SentFile.of(state, _position(known.get(state.source_file))) for state in states]
            content = pack(delivery.model_copy(update={"files": files}))
            self._connection.execute("insert into deliveries (content) values (?)", [content])
            self._keep(states)
        self._bytes += len(content)
        self.news.set()

    def _await_room(self) -> None:
        while self._bytes >= self._limit:
            if self._stop is None or self._stop.wait(_FULL_SECONDS):
                size = f"{self._bytes / 2**20:,.0f} MB"
                raise SpoolFullError(f"{self._path}: {size} are waiting to be sent, the maximum of SPOOL_LIMIT_MB")

    def states(self) -> tuple[dict[str, FileState], int]:
        """Return how far each file was read, and the generation of these states."""
        with self._transaction():
            return self._states(None), self.generation

    def _states(self, names: Iterable[str] | None) -> dict[str, FileState]:
        if names is None:
            rows = list(self._connection.execute("select state from states"))
        else:
            query = "select state from states where source_file = ?"
            rows = [row for name in names for row in self._connection.execute(query, [name])]
        return {state.source_file: state for state in (FileState.from_json(encoded) for (encoded,) in rows)}

    def _keep(self, states: Iterable[FileState]) -> None:
        self._connection.executemany(_REPLACE_STATE, [(state.source_file, state.to_json()) for state in states])

    @property
    def is_empty(self) -> bool:
        """Return whether nothing waits."""
        return self.count() == 0

    def count(self) -> int:
        """Return how many deliveries wait."""
        with self._transaction():
            return int(self._value("select count(*) from deliveries"))

    def oldest(self) -> Waiting | None:
        """Return the next delivery to send, or None if nothing waits."""
        with self._transaction():
            self.news.clear()
            row = self._connection.execute("select position, content from deliveries order by position").fetchone()
        return Waiting(*row) if row else None

    def acknowledge(self, sent: Waiting, behind: Iterable[FileState]) -> None:
        """Delete a delivery that the receiver has stored; reset files that are behind to the receiver's states."""
        with self._transaction():
            self._connection.execute("delete from deliveries where position = ?", [sent.position])
            if states := list(behind):
                self._keep(states)
                self.generation += 1
        self._bytes -= len(sent.content)

    def adopt(self, theirs: Sequence[FileState]) -> int:
        """Adopt the receiver's states if nothing waits; return how many files differed."""
        with self._transaction():
            if self._value("select count(*) from deliveries"):
                return 0
            ours, known = self._states(None), {state.source_file: state for state in theirs}
            changed = [state for name, state in known.items() if _position(state) != _position(ours.get(name))]
            lost = [name for name, state in ours.items() if name not in known and _position(state) > (0, 0)]
            self._keep(changed)
            self._connection.executemany("delete from states where source_file = ?", [(name,) for name in lost])
            self.generation += bool(changed or lost)
        return len(changed) + len(lost)

    def _value(self, query: str) -> Any:
        return self._connection.execute(query).fetchone()[0]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock, self._one_line():
            self._connection.execute("begin immediate")
            try:
                yield
                self._connection.execute("commit")
            except BaseException:
                self._connection.rollback()
                raise

    @contextmanager
    def _one_line(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            remedy = "free space on its disk" if "full" in str(error) else "check that it is writable"
            raise SpoolError(f"{self._path}: {error}; {remedy}") from error


def _hold(path: Path) -> BinaryIO:
    """Take the lock of this machine's sender: with two at once, one would send what the other has read."""
    held = path.open("ab")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        held.close()
        raise SpoolError(f"{path}: another sender is using this folder; stop it first") from None
    return held


def _position(state: FileState | None) -> tuple[int, int]:
    return (state.resets, state.read_bytes) if state else (0, 0)
