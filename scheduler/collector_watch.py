"""Watches the collectors, for the status page and alerts.

A container that runs but finds nothing appears healthy everywhere else: the runs succeed, and the figures are up to
date, but empty.
"""

import re
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog

from common.errors import PassingError
from common.loader_results import CollectorState
from scheduler.publish import Generation

log = structlog.get_logger()

SILENT = timedelta(minutes=10)
"""A collector sends a heartbeat once a minute."""
_KEEP_SECONDS = 30.0
_SESSIONS = "marts.dim_sessions"


class CollectorWatch:
    """The collectors' states, fetched at most twice a minute."""

    def __init__(self, fetch: Callable[[], list[CollectorState]], generation: Callable[[], Generation | None]) -> None:
        """`fetch` returns the states, `generation` what is published."""
        self._fetch, self._generation = fetch, generation
        self._lock = threading.Lock()
        self._until, self._states = 0.0, list[CollectorState]()
        self._began, self._is_told = datetime.now(UTC), True

    def states(self) -> list[CollectorState]:
        """Return the states, the most recently seen first; the last known ones if the loader is unreachable."""
        with self._lock:
            if time.monotonic() > self._until:
                try:
                    self._states, self._is_told = self._fetch(), True
                except PassingError as error:
                    self._is_told = False
                    log.info("collectors.unknown", reason=str(error))
                self._until = time.monotonic() + _KEEP_SECONDS
            return self._states

    def problem(self) -> str | None:
        """Return in one line what is wrong, or None."""
        states = self.states()
        return self._silence(states) or self._unreadable(states) or self._emptiness(states)

    def _silence(self, states: list[CollectorState]) -> str | None:
        seen = max((state.seen_at for state in states if state.seen_at), default=None)
        if datetime.now(UTC) - (seen or self._began) < SILENT:
            return None
        since = f"since {seen:%Y-%m-%d %H:%M} UTC" if seen else "yet"
        if not self._is_told:
            return f"The loader does not answer: see `docker compose logs loader` (no collector heartbeat {since})."
        return f"No collector has sent a heartbeat {since}; see `docker compose logs collector`."

    def _unreadable(self, states: list[CollectorState]) -> str | None:
        wrong = next((state for state in states if state.problem and is_recent(state)), None)
        if wrong is None:
            return None
        what = f"The collector of {wrong.host} cannot read its transcripts ({wrong.transcripts})"
        return f"{what}: {_with_remedy(wrong.problem or '')}, then run `docker compose up -d --wait`."

    def _emptiness(self, states: list[CollectorState]) -> str | None:
        generation = self._generation()
        if generation is None or generation.row_counts.get(_SESSIONS, 1):
            return None
        if states and all(state.is_off for state in states):
            return (
                "The published figures contain no session: COLLECTOR is off, and no other machine has sent a line yet."
            )
        found = "; ".join(map(_finding, states)) or "No collector reported"
        return f"The published figures contain no session. {found}. Check TRANSCRIPTS_DIR."


def _finding(state: CollectorState) -> str:
    if state.is_off:
        return f"COLLECTOR is off on {state.host}"
    return f"{state.host} found {state.files} transcripts in {state.transcripts}"


def _with_remedy(problem: str) -> str:
    if "set TRANSCRIPTS_UID" in problem:
        return f"{problem} in .env"
    if owner := re.search(r"belongs to user (\d+)", problem):
        return f"{problem}; set TRANSCRIPTS_UID={owner[1]} in .env"
    return f"{problem}; set TRANSCRIPTS_DIR in .env, or COLLECTOR=off if this host has no transcripts"


def is_recent(state: CollectorState) -> bool:
    """Return whether this collector has sent a heartbeat within the last minutes."""
    return state.seen_at is not None and datetime.now(UTC) - state.seen_at < SILENT
