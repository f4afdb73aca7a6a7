"""Readers that query the published database all the while, and remember every error and the longest wait."""

import threading
import time
from pathlib import Path
from typing import Any

import duckdb
import requests

FIGURES = """
select
    (select count(*) from marts.dim_sessions) as sessions,
    (select count(*) from marts.fct_tool_calls) as tool_calls,
    (select count(*) from marts.fct_api_requests) as responses,
    (select coalesce(sum(output_tokens), 0) from marts.fct_api_requests)::bigint as output_tokens
"""
NAMES = ("sessions", "tool_calls", "responses", "output_tokens")


class Reader:
    """Queries in a thread of its own from start to stop."""

    name = "reader"

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.queries, self.longest = 0, 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, name=self.name, daemon=True)

    def figures(self) -> dict[str, int]:
        """The figures of the published database, now."""
        raise NotImplementedError

    def start(self) -> None:
        """Begin to query."""
        self._thread.start()

    def stop(self) -> None:
        """Stop querying."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(60)

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
    """Opens the well-known path anew for each query, as a person at a prompt does."""

    name = "duckdb"

    def __init__(self, database: Path) -> None:
        super().__init__()
        self.database = database

    def figures(self) -> dict[str, int]:
        """Through a connection of its own."""
        with duckdb.connect(str(self.database), read_only=True, config={"temp_directory": "/tmp"}) as connection:  # noqa: S108 - the container's own
            row = connection.execute(FIGURES).fetchone()
        return dict(zip(NAMES, row or (), strict=True))


class MetabaseReader(Reader):
    """Asks Metabase's API the same, as a dashboard does."""

    name = "metabase"

    def __init__(self, url: str, user: str, password: str) -> None:
        super().__init__()
        self.url, self.user, self.password = url, user, password
        self.session = requests.Session()
        self.database = 0

    def wait_until_connected(self, patience: float) -> None:
        """The runner sets Metabase up by itself: wait until its user can log in and our database is there."""
        deadline = time.monotonic() + patience
        while not self._connect():
            if time.monotonic() > deadline:
                raise TimeoutError(f"expected our database in Metabase within {patience:.0f} s")
            time.sleep(0.5)  # Metabase has no event to wait for

    def figures(self) -> dict[str, int]:
        """Through Metabase's connection to the database."""
        query = {"database": self.database, "type": "native", "native": {"query": FIGURES}}
        answer = self.session.post(f"{self.url}/api/dataset", json=query, timeout=60)
        answer.raise_for_status()
        body = answer.json()
        if body.get("status") != "completed":
            raise RuntimeError(f"{body.get('status')}: {body.get('error')}")
        return dict(zip(NAMES, map(int, body["data"]["rows"][0]), strict=True))

    def _connect(self) -> bool:
        who = {"username": self.user, "password": self.password}
        answer = self.session.post(f"{self.url}/api/session", json=who, timeout=30)
        if not answer.ok:
            return False
        self.session.headers["X-Metabase-Session"] = answer.json()["id"]
        listed = self.session.get(f"{self.url}/api/database", timeout=30)
        listed.raise_for_status()
        found = [entry["id"] for entry in listed.json()["data"] if entry["engine"] == "duckdb"]
        self.database = found[0] if found else 0
        return bool(found)
