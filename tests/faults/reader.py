"""A reader of the published database that asks all the time, as a dashboard does, and remembers what went wrong."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

_PAUSE_SECONDS = 0.08


class Reader:
    """Opens `current/analytics.db` again and again from the first publication on; `errors` must stay empty."""

    def __init__(self, volume: Path) -> None:
        self._paths = (volume / "current" / "analytics.db", volume / "analytics.db")
        self.errors: list[str] = []
        self.reads = 0
        self._stop, self._free = threading.Event(), threading.Lock()
        self._thread = threading.Thread(target=self._read_on, name="reader", daemon=True)

    @contextmanager
    def watching(self) -> Iterator["Reader"]:
        """Read while the block lasts."""
        self._thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            self._thread.join(60)

    @contextmanager
    def looking_away(self) -> Iterator[None]:
        """Read nothing inside the block: the fault itself takes away what is read."""
        with self._free:
            yield

    def _read_on(self) -> None:
        while not self._stop.wait(_PAUSE_SECONDS):
            with self._free:
                if self._paths[1].exists() or self.reads:
                    self._read(self._paths[self.reads % 2])

    def _read(self, path: Path) -> None:
        try:
            with duckdb.connect(str(path), read_only=True) as connection:
                connection.execute("select count(*), max(length(block_text)) from marts.conversations").fetchall()
        except (duckdb.Error, OSError) as error:
            self.errors.append(f"{path}: {error}")
        self.reads += 1
