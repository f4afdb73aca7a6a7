"""Metabase shows a new generation: its pool of connections, which holds the old one, is made to go.

Writing the generation into the database's caveats is a change, and a change drops the pool without a connection test.
Metabase may do so on its own time, so a query is asked which file it reads until that is the new one. Dropping closes
the connections of queries under way as well. Metabase tells how many are busy: the change is made when none is, or when
that takes too long.
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
    """What a recycle found and did."""

    generation: int
    cut: int = 0
    """Queries that were still under way when the pool was dropped, and may have failed."""


def recycle(
    client: Client,
    database: int,
    generation: int,
    *,
    wait_seconds: float = 120.0,
    idle_seconds: float = IDLE_SECONDS,
) -> Recycled:
    """Make Metabase read `generation`, and return when a query does.

    Args:
        client: signed in as an administrator.
        database: ours in Metabase.
        generation: the number of the generation that `current` leads to.
        wait_seconds: how long Metabase may take until a query sees the generation; NotReadyError after that.
        idle_seconds: how long to wait for the queries under way.
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
    """Wait for the queries under way over this database; how many are left after `seconds`.

    A query that begins between this answer and what the caller does next is not seen.
    """
    deadline, idle = monotonic() + seconds, threading.Event()
    while (busy := busy_connections(client, database)) and monotonic() < deadline:
        idle.wait(IDLE_POLL_SECONDS)
    return busy


def busy_connections(client: Client, database: int) -> int:
    """How many of the pool's connections are in use; 0 where there is no pool or Metabase does not tell."""
    try:
        pools = client.get("/api/bug-reporting/connection-pool-details")["connection-pools"]
    except RefusedError:  # a user who may not look, or another version
        return 0
    ours = (counts for name, counts in pools.items() if name.startswith(f"db-{database}-"))
    return sum(int(counts["numBusyConnections"]) for counts in ours)


def seen_generation(client: Client, database: int) -> int | None:
    """The generation that Metabase's queries read now; None when the file is in no generation."""
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
