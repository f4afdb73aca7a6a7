"""Threads that read one database in parallel, each on a separate connection: DuckDB runs outside Python's lock."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TypeVar

import duckdb

_THREADS = 2
"""DuckDB's default number of threads: more would only increase the memory of concurrent queries."""

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
Read = Callable[[duckdb.DuckDBPyConnection, _Item], _Result]


class Readers:
    """A few threads, each with its own connection to the same database in the same time zone."""

    def __init__(self, pool: ThreadPoolExecutor, connections: list[duckdb.DuckDBPyConnection]) -> None:
        self._pool = pool
        self._free: SimpleQueue[duckdb.DuckDBPyConnection] = SimpleQueue()
        for connection in connections:
            self._free.put(connection)

    def start(self, read: Read[_Item, _Result], item: _Item) -> "Future[_Result]":
        """Call `read` with a connection and the item as soon as a thread is free."""
        return self._pool.submit(self._read, read, item)

    def map(self, read: Read[_Item, _Result], items: Iterable[_Item]) -> Iterator[_Result]:
        """Start with all items, and yield the result of `read` for each, in their order."""
        begun = [self.start(read, item) for item in items]
        return (future.result() for future in begun)

    def _read(self, read: Read[_Item, _Result], item: _Item) -> _Result:
        connection = self._free.get()
        try:
            return read(connection, item)
        finally:
            self._free.put(connection)


@contextmanager
def readers(connection: duckdb.DuckDBPyConnection) -> Iterator[Readers]:
    """Start the threads; at the end, or after an error, wait for their current work and drop the rest."""
    [zone] = connection.execute("select current_setting('TimeZone')").fetchall()
    cursors = [connection.cursor() for _ in range(_THREADS)]
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="report")
    try:
        for cursor in cursors:
            cursor.execute("set timezone = ?", zone)
        yield Readers(pool, cursors)
    finally:
        pool.shutdown(cancel_futures=True)
        for cursor in cursors:
            cursor.close()
