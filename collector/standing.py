"""The collector's heartbeat in the record store: the state of the transcripts directory itself.

It is a row named "." among the states of files: whether the directory exists and is readable, why not, and when it
was last checked.
"""

from datetime import datetime, timedelta
from pathlib import Path

from common.transcript_files import absence
from records import LineSink
from records.file_state import DIRECTORY, MISSING, OFF, OK, UNREADABLE, FileState

ROOT_NAME = "."
EVERY = timedelta(seconds=60)


class Standing:
    """Reports for one host and its transcripts directory."""

    def __init__(self, store: LineSink, transcripts: Path, host: str) -> None:
        """Create a reporter; nothing is written yet."""
        self._store, self._root = store, transcripts
        self._state = FileState.new(host, transcripts, ROOT_NAME, DIRECTORY)
        self._told: datetime | None = None

    def beat(self) -> None:
        """Record that the directory was checked: once a minute, and at once if it appeared or disappeared."""
        reason = absence(self._root)
        self._tell(MISSING if reason else OK, reason)

    def rest(self) -> None:
        """Record once a minute that this host has no transcripts."""
        self._tell(OFF, None)

    def fail(self, error: str) -> None:
        """Record why the collector ends."""
        self._tell(UNREADABLE, error)

    def _tell(self, status: str, reason: str | None) -> None:
        now = self._store.now()
        if self._state.became(status, reason) or self._told is None or now - self._told >= EVERY:
            self._state.collected_at = self._told = now
            self._store.save_states([self._state])
