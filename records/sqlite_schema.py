"""The tables of records.db. `user_version` is the number of the steps below that a file has been migrated by."""

import sqlite3

_FIRST = """
create table sources (
    source_id integer primary key,
    host text,
    project_id text,
    source_file text,
    unique (host, project_id, source_file)
);
-- position is the order of ingestion. content holds the exact bytes of the line; where byte_offset is null, the
-- document that another tool or version 0.1.0 stored, as relaxed extended JSON.
create table lines (
    position integer primary key,
    line_id text not null unique,
    ingested_at integer not null,
    source_id integer not null references sources,
    byte_offset integer,
    session_id text,
    uuid text,
    line_type text,
    content blob not null
);
create index lines_ingested_at on lines (ingested_at);
create table rejected_lines (
    line_id text primary key,
    ingested_at integer not null,
    source_id integer not null references sources,
    byte_offset integer,
    reason text not null,
    content blob not null
);
create table file_states (
    host text not null,
    source_file text not null,
    state text not null,
    primary key (host, source_file)
) without rowid;
"""
_LAYOUTS = """
-- what a file's lines do not tell of it: records/layouts.py
create table file_layouts (
    host text not null,
    source_file text not null,
    version integer not null,
    byte_offset integer not null,
    content blob not null,
    primary key (host, source_file, version, byte_offset)
) without rowid;
"""
_FORGOTTEN = """
-- the log of requests to forget, and keyed hashes of what they removed: records/forgotten.py
create table forget_requests (request_id text primary key, request text not null) without rowid;
create table forgotten (mark text primary key, request_id text not null) without rowid;
"""
STEPS = (_FIRST, _LAYOUTS, _FORGOTTEN)


def migrate(connection: sqlite3.Connection) -> None:
    """Migrate the file to the latest schema, one transaction per step. Raise ValueError for a newer schema."""
    found = connection.execute("pragma user_version").fetchone()[0]
    if found > len(STEPS):
        raise ValueError(f"schema {found} is newer than this version's {len(STEPS)}; update claude-analytics")
    for number, step in enumerate(STEPS[found:], start=found + 1):
        connection.executescript(f"begin immediate; {step} pragma user_version = {number}; commit;")
