"""Readers that query the published database all the while, and remember every error and the longest wait."""

import threading
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import duckdb

from metabase.client import Client, NotReadyError, QueryFailedError, RefusedError, until

FIGURES = """
select
    (select count(*) from marts.dim_sessions) as sessions,
    (select count(*) from marts.fct_tool_calls) as tool_calls,
    (select count(*) from marts.fct_api_requests) as responses,
    (select coalesce(sum(output_tokens), 0) from marts.fct_api_requests)::bigint as output_tokens
"""
NAMES = ("sessions", "tool_calls", "responses", "output_tokens")


class Reader(ABC):
    """Queries in its own thread from start to stop."""

    name = "reader"

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.queries, self.longest = 0, 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, name=self.name, daemon=True)

    @abstractmethod
    def figures(self) -> dict[str, int]:
        """The figures of the published database, now."""

    def start(self) -> None:
        """Begin to query."""
        self._thread.start()

    def stop(self) -> None:
        """Stop querying."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(120)

    def report(self) -> dict[str, Any]:
        """What happened meanwhile."""
        return {"queries": self.queries, "errors": self.errors[:3], "longest": round(self.longest, 2)}

    def _read(self) -> None:
        while not self._stop.wait(0.05):
            started = time.monotonic()
            try:
                self.figures()
            except Exception as error:  # noqa: BLE001 - any error at all is what this reader is here to find
                self.errors.append(f"{type(error).__name__}: {error}"[:300])
            self.longest = max(self.longest, time.monotonic() - started)
            self.queries += 1


class DuckDBReader(Reader):
    """Opens the well-known path again for each query, as a person at a prompt does."""

    name = "duckdb"

    def __init__(self, database: Path) -> None:
        super().__init__()
        self.database = database

    def figures(self) -> dict[str, int]:
        """Through its own connection."""
        with duckdb.connect(str(self.database), read_only=True, config={"temp_directory": "/tmp"}) as connection:  # noqa: S108 - the container's own
            row = connection.execute(FIGURES).fetchone()
        return dict(zip(NAMES, row or (), strict=True))


class MachineReader(Reader):
    """Asks its own database, which nobody builds or publishes: what it waits is the machine's doing."""

    name = "machine"

    def figures(self) -> dict[str, int]:
        """Some work for a processor, about as much as a query."""
        with duckdb.connect() as connection:
            connection.execute("select sum(hash(range)) from range(1_000_000)").fetchone()
        return {}


class MetabaseReader(Reader):
    """Asks Metabase's API the same, as a dashboard does."""

    name = "metabase"

    def __init__(self, url: str, user: str, password: str) -> None:
        super().__init__()
        self.client, self.user, self.password = Client(url), user, password
        self.database, self.cut = 0, 0

    def is_connected(self) -> bool:
        """Whether its user can sign in and our database is there."""
        try:
            self._find()
        except NotReadyError:
            return False
        return True

    def wait_until_connected(self, patience: float) -> None:
        """The scheduler sets Metabase up by itself: wait until its user can sign in and our database is there."""
        self.database = until(self._find, patience)

    def figures(self) -> dict[str, int]:
        """Through Metabase's connection to the database."""
        [row] = self._rows()
        return dict(zip(NAMES, map(int, row), strict=True))

    def report(self) -> dict[str, Any]:
        """What happened meanwhile, and how many queries were under way when a publication dropped the pool."""
        return super().report() | {"cut": self.cut}

    def _rows(self) -> list[list[Any]]:
        """Ask, and once more where the connection was closed: what a person's reload does."""
        try:
            return self.client.rows(self.database, FIGURES)
        except QueryFailedError:
            self.cut += 1
            return self.client.rows(self.database, FIGURES)

    def _find(self) -> int:
        try:
            self.client.sign_in(self.user, self.password)
        except RefusedError as error:
            raise NotReadyError(str(error)) from error
        for entry in self.client.get("/api/database")["data"]:
            if entry["engine"] == "duckdb":
                return int(entry["id"])
        raise NotReadyError("Metabase knows no DuckDB database")
