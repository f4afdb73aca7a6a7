"""Threads that read one database beside each other: DuckDB works outside Python's lock, each on its own connection."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TypeVar

import duckdb

_THREADS = 2
"""As many as DuckDB's threads by default: more would only add to the memory that queries hold at once."""

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
Read = Callable[[duckdb.DuckDBPyConnection, _Item], _Result]


class Readers:
    """A few threads, each with its own connection to the same database in the same time zone."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._free: SimpleQueue[duckdb.DuckDBPyConnection] = SimpleQueue()
        [zone] = connection.execute("select current_setting('TimeZone')").fetchall()
        for _ in range(_THREADS):
            cursor = connection.cursor()
            cursor.execute("set timezone = ?", zone)
            self._free.put(cursor)

    def start(self, read: Read[_Item, _Result], item: _Item) -> "Future[_Result]":
        """Call `read` with a connection and the item as soon as a thread is free."""
        return self._pool.submit(self._read, read, item)

    def map(self, read: Read[_Item, _Result], items: Iterable[_Item]) -> list[_Result]:
        """Return what `read` gives for each item, in their order; raise the first error."""
        return [future.result() for future in [self.start(read, item) for item in items]]

    def _read(self, read: Read[_Item, _Result], item: _Item) -> _Result:
        cursor = self._free.get()
        try:
            return read(cursor, item)
        finally:
            self._free.put(cursor)


@contextmanager
def readers(connection: duckdb.DuckDBPyConnection) -> Iterator[Readers]:
    """Start the threads; at the end, or after an error, wait for what they have begun and drop the rest."""
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="report")
    try:
        yield Readers(connection, pool)
    finally:
        pool.shutdown(cancel_futures=True)
