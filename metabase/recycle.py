"""Makes Metabase show a new generation by dropping its connection pool, which has the old one open.

Writing the generation into the database's caveats is a change, and a change drops the pool without a connection test.
Metabase may do so later, so we query which file it reads until that is the new one. Dropping the pool also closes the
connections of running queries. Metabase reports how many are busy: the change is made when none is, or after a
time limit.
"""

import re
import threading
from dataclasses import dataclass
from time import monotonic

from metabase.client import Client, NotReadyError, QueryFailedError, RefusedError, until

IDLE_SECONDS, IDLE_POLL_SECONDS = 20.0, 0.05
WHICH_FILE = "select path from duckdb_databases() where database_name = 'analytics'"
_GENERATION = re.compile(r"generations/(?P<number>\d+)/")


@dataclass(frozen=True)
class Recycled:
    """The result of a recycle."""

    generation: int
    cut: int = 0
    """Queries that were still running when the pool was dropped, and may have failed."""


def recycle(
    client: Client,
    database: int,
    generation: int,
    *,
    wait_seconds: float = 120.0,
    idle_seconds: float = IDLE_SECONDS,
) -> Recycled:
    """Make Metabase read `generation`, and return when a query reads it.

    Args:
        client: signed in as an administrator.
        database: ours in Metabase.
        generation: the number of the generation that `current` leads to.
        wait_seconds: how long Metabase may take until a query sees the generation; NotReadyError after that.
        idle_seconds: how long to wait for running queries.
    """
    before = client.get(f"/api/database/{database}").get("caveats") or ""
    caveats = f"Generation {generation} of claude-analytics"
    # A query that sees the generation is not enough: other connections of the pool may be older.
    if before in (caveats, f"{caveats}.") and _sees(client, database, generation):
        return Recycled(generation)
    cut = wait_until_idle(client, database, idle_seconds)
    client.put(f"/api/database/{database}", {"caveats": caveats if before != caveats else f"{caveats}."})
    until(lambda: _require_generation(client, database, generation), wait_seconds)
    return Recycled(generation, cut)


def wait_until_idle(client: Client, database: int, seconds: float) -> int:
    """Wait for running queries on this database; return how many are left after `seconds`.

    A query that begins between this answer and the caller's next action is not seen.
    """
    deadline, idle = monotonic() + seconds, threading.Event()
    while (busy := busy_connections(client, database)) and monotonic() < deadline:
        idle.wait(IDLE_POLL_SECONDS)
    return busy


def busy_connections(client: Client, database: int) -> int:
    """Return how many of the pool's connections are in use; 0 without a pool or if Metabase does not report it."""
    try:
        pools = client.get("/api/bug-reporting/connection-pool-details")["connection-pools"]
    except RefusedError:  # a user without permission, or another version
        return 0
    ours = (counts for name, counts in pools.items() if name.startswith(f"db-{database}-"))
    return sum(int(counts["numBusyConnections"]) for counts in ours)


def seen_generation(client: Client, database: int) -> int | None:
    """Return the generation that Metabase's queries read now; None if the file is in no generation."""
    [[path]] = client.rows(database, WHICH_FILE)
    found = _GENERATION.search(path.replace("\\", "/"))
    return int(found["number"]) if found else None


def _sees(client: Client, database: int, generation: int) -> bool:
    try:
        return seen_generation(client, database) == generation
    except QueryFailedError:  # begun before a pool was dropped
        return False


def _require_generation(client: Client, database: int, generation: int) -> None:
    if not _sees(client, database, generation):
        raise NotReadyError(f"Metabase does not read generation {generation} yet")
