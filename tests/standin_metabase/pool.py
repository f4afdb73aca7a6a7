"""The pool of connections: it hides a new generation until it is dropped, and dropping it cuts queries under way.

Read in metabase `src/metabase/driver/sql_jdbc/connection.clj` (`invalidate-pool-for-db!`, `destroy-pool!`), c3p0
`DataSources.destroy` and `BasicResourcePool.close(true)`, and the driver's `src/metabase/driver/duckdb.clj`
(`jdbc-spec`, `ensure-init-sql!`).
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import duckdb

POOL_DROP_SECONDS = 0.02
"""Metabase drops a pool on its own time: whoever expects it at once finds the old generation here."""

Rows = tuple[list[str], list[tuple[Any, ...]]]


@dataclass
class Pooled:
    """An open file and the connections that queries use now."""

    connection: duckdb.DuckDBPyConnection
    busy: list[duckdb.DuckDBPyConnection] = field(default_factory=list)


class Pool:
    """The open file of each database, kept from the first query on until it is dropped."""

    def __init__(self) -> None:
        self._pooled: dict[int, Pooled] = {}
        self._lock = threading.Lock()

    def query(self, number: int, details: dict[str, Any], sql: str, values: dict[str, Any]) -> Rows:
        """Return the names of the columns, and the rows."""
        with self._taken(number, details) as connection:
            _run_init_sql(connection, details)
            result = connection.execute(sql, values or None)
            columns = result.description
            if columns is None:  # what DuckDB's client says of a result that was interrupted
                raise duckdb.InterruptException("the pool was closed while this query ran")
            return [column[0] for column in columns], result.fetchall()

    @contextmanager
    def _taken(self, number: int, details: dict[str, Any]) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._lock:
            if number not in self._pooled:
                self._pooled[number] = Pooled(open_file(details))
            pooled = self._pooled[number]
            connection = pooled.connection.cursor()
            pooled.busy.append(connection)
        try:
            yield connection
        finally:
            with self._lock:
                pooled.busy.remove(connection)
            connection.close()

    def busy(self, number: int) -> int:
        """How many connections queries use now."""
        with self._lock:
            return len(self._pooled[number].busy) if number in self._pooled else 0

    def drop(self, number: int) -> None:
        """Close the pool and every connection that is checked out; the next query opens a new one."""
        with self._lock:
            pooled = self._pooled.pop(number, None)
            for connection in pooled.busy if pooled else ():
                connection.interrupt()
        if pooled:
            pooled.connection.close()

    def drop_later(self, number: int) -> None:
        """Do the same on Metabase's own time."""
        timer = threading.Timer(POOL_DROP_SECONDS, self.drop, [number])
        timer.daemon = True
        timer.start()


def open_file(details: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    """Open the file as the driver does, which spills beside it unless it is told where."""
    config: dict[str, Any] = {"temp_directory": f"{details['database_file']}.tmp"}
    if details.get("memory_limit"):
        config["memory_limit"] = details["memory_limit"]
    config |= dict(parse_qsl(details.get("additional-options") or ""))
    return duckdb.connect(details["database_file"], read_only=details["read_only"], config=config)


def connection_error(details: dict[str, Any]) -> str | None:
    """Try the details out; the error's text where they do not work."""
    try:
        with open_file(details) as connection:
            connection.execute("select 1")
    except duckdb.Error as error:
        return str(error)
    return None


def _run_init_sql(connection: duckdb.DuckDBPyConnection, details: dict[str, Any]) -> None:
    """Run it on each new connection; the driver rethrows its errors, so that the query fails."""
    if details.get("init_sql"):
        connection.execute(details["init_sql"])
