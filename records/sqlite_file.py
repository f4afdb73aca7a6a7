"""The SQLite file of the record store: how it is opened, written in transactions and read; errors are one line."""

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from records.sqlite_schema import migrate
from records.store import Place, StoreAwayError, StoreError

_BUSY_SECONDS = 60.0
_READ_AT_ONCE = 100
_PRAGMAS = (
    "journal_mode = wal",
    "synchronous = full",
    "foreign_keys = on",
    "cache_size = -65536",  # KiB: the unique index of a million lines, whose pages are touched in no order
    "wal_autocheckpoint = 16384",  # pages: an index page that several batches change is written back once
)


class SqliteFile:
    """One connection to the file.

    One writer at a time: a second one waits up to a minute. A reader sees committed data and never waits.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, and create it if missing. Raises StoreError if it is not a record store."""
        self.name, self._path = f"the record store {path}", path
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._one_line():
            # Threads share the store; the pipeline lock makes them use it one at a time.
            self._connection = sqlite3.connect(path, _BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            for pragma in _PRAGMAS:
                self._connection.execute(f"pragma {pragma}")
            migrate(self._connection)
        self._sources: dict[Place, int] = {}

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def transaction(self) -> AbstractContextManager[None]:
        """Commit everything written in this block, or nothing."""
        return self._transaction()

    def snapshot(self) -> AbstractContextManager[None]:
        """Read the data committed when the block began, without later writes."""
        return self._transaction("begin deferred")

    @contextmanager
    def _transaction(self, begin: str = "begin immediate") -> Iterator[None]:
        if self._connection.in_transaction:  # a method that needs one was called inside another's
            yield
            return
        with self._one_line():
            self._connection.execute(begin)
            try:
                yield
                self._connection.execute("commit")
            except BaseException:
                self._sources.clear()
                self._connection.rollback()  # does nothing where SQLite has rolled back by itself
                raise

    def _number(self, query: str, *parameters: Any) -> int:
        ((number,),) = self._select(query, *parameters)
        return int(number)

    def _select(self, query: str, *parameters: Any) -> Iterator[tuple[Any, ...]]:
        with self._one_line():
            cursor = self._connection.execute(f"select {query}", parameters)
            cursor.arraysize = _READ_AT_ONCE
            for row in cursor:  # noqa: UP028 - that would close the cursor in the end, which may come after the file's
                yield row

    @contextmanager
    def _one_line(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, ValueError) as error:
            kind = StoreAwayError if "locked" in str(error) else StoreError
            raise kind(f"{self.name}: {error}; {_remedy(error, self._path)}") from error


def _remedy(error: Exception, path: Path) -> str:
    text = str(error)
    if "full" in text:
        return f"free space on the disk of {path.parent}"
    if "locked" in text or "busy" in text:
        return "another program is writing to it; end that program, then try again"
    damaged = "malformed" in text or "not a database" in text
    again = f"move {path} away: the next run rebuilds it from Iceberg and the transcripts"
    return again if damaged else f"check that {path.parent} is writable"
