"""The database server's clock: machines whose clocks differ use the same time."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo.database import Database

from records.file_state import as_utc


class ServerClock:
    """Computes the server's time from one response and the time since; it never steps back."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._database = database
        self._last = datetime.fromtimestamp(0, UTC)
        self.synchronise()

    def synchronise(self) -> None:
        """Ask the server for its time."""
        before = time.monotonic()
        answer = self._database.client.admin.command("hello")
        self._anchor = (before + time.monotonic()) / 2
        self._server = as_utc(answer.get("localTime")) or datetime.now(UTC)

    def now(self) -> datetime:
        """The server's time in whole milliseconds, as BSON keeps it."""
        moment = self._server + timedelta(seconds=time.monotonic() - self._anchor)
        self._last = max(self._last, moment.replace(microsecond=moment.microsecond // 1000 * 1000))
        return self._last
