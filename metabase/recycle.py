"""Metabase shows a new generation: its pool of connections, which holds the old one, is made to go.

Writing the generation into the database's caveats is a change, and a change drops the pool without a connection test.
Metabase may do so on its own time, so a query is asked which file it reads until that is the new one.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import duckdb

from metabase.client import Client, NotReadyError, until

WHICH_FILE = "select path from duckdb_databases() where database_name = 'analytics'"
_CAVEATS = re.compile(r"schema (?P<schema>[0-9a-f]{10})")
_GENERATION = re.compile(r"generations/(?P<number>\d+)/")


@dataclass(frozen=True)
class Recycled:
    """What a recycle found and did."""

    generation: int
    synced: bool
    """True when tables or columns changed, so that Metabase was told to read them again."""


def recycle(
    client: Client, database: int, generation: int, *, published: Path | None = None, wait_seconds: float = 120.0
) -> Recycled:
    """Make Metabase read `generation`, and return when a query does.

    `published` is that generation's file as we see it; with it, Metabase reads the schema again only when it changed.
    """
    before = client.get(f"/api/database/{database}").get("caveats") or ""
    found = _CAVEATS.search(before)
    known = found["schema"] if found else ""
    schema = schema_fingerprint(published) if published else known
    caveats = _caveats(generation, known)
    if before != caveats or seen_generation(client, database) != generation:
        client.put(f"/api/database/{database}", {"caveats": caveats if before != caveats else f"{caveats}."})
        until(lambda: _require_generation(client, database, generation), wait_seconds)
    if schema != known:  # noted only now: a recycle that ends before this leaves it for the next
        client.post(f"/api/database/{database}/sync_schema")
        client.put(f"/api/database/{database}", {"caveats": _caveats(generation, schema)})
    return Recycled(generation, schema != known)


def _caveats(generation: int, schema: str) -> str:
    return f"Generation {generation} of claude-analytics" + (f", schema {schema}" if schema else "")


def seen_generation(client: Client, database: int) -> int | None:
    """The generation that Metabase's queries read now; None when the file lies in no generation."""
    [[path]] = client.rows(database, WHICH_FILE)
    found = _GENERATION.search(path.replace("\\", "/"))
    return int(found["number"]) if found else None


def schema_fingerprint(database: Path) -> str:
    """Ten characters that change when a table or column of the marts does."""
    sql = """
        select table_name, column_name, data_type
        from duckdb_columns()
        where schema_name = 'marts'
        order by table_name, column_index
    """
    with duckdb.connect(database, read_only=True) as connection:
        columns = connection.execute(sql).fetchall()
    return hashlib.sha256(repr(columns).encode()).hexdigest()[:10]


def _require_generation(client: Client, database: int, generation: int) -> None:
    seen = seen_generation(client, database)
    if seen != generation:
        raise NotReadyError(f"Metabase still reads generation {seen}, expected {generation}")
