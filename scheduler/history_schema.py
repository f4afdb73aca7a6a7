"""The tables of the run history. `user_version` is the number of the steps below that a file has been migrated by."""

import sqlite3

MIGRATIONS: tuple[str, ...] = (
    """
    create table runs (
        id integer primary key autoincrement,
        kind text not null,
        trigger text not null,
        status text not null,
        scheduled_at text,
        started_at text not null,
        finished_at text,
        seconds real,
        message text not null default '',
        full_refresh integer not null default 0,
        generation integer,
        pid integer,
        host text,
        progress_step text,
        progress_done integer,
        progress_total integer
    );
    create index runs_by_kind on runs (kind, id desc);
    create table steps (
        run_id integer not null references runs (id) on delete cascade,
        position integer not null,
        name text not null,
        status text not null,
        started_at text not null,
        seconds real not null,
        rows_in integer,
        rows_out integer,
        attempts integer not null,
        message text not null,
        primary key (run_id, position)
    );
    create table log_lines (
        id integer primary key autoincrement,
        run_id integer not null references runs (id) on delete cascade,
        at text not null,
        step text not null,
        level text not null,
        message text not null
    );
    create index log_lines_by_run on log_lines (run_id, id);
    create table dbt_results (
        run_id integer not null references runs (id) on delete cascade,
        position integer not null,
        unique_id text not null,
        name text not null,
        resource_type text not null,
        status text not null,
        seconds real not null,
        rows integer,
        failures integer,
        message text,
        query text,
        failing_columns text,
        failing_rows text,
        primary key (run_id, position)
    );
    create table state (key text primary key, value text not null);
    """,
)


def migrate(database: sqlite3.Connection) -> None:
    """Apply the steps that a file lacks."""
    version = database.execute("pragma user_version").fetchone()[0]
    for number, statements in enumerate(MIGRATIONS[version:], version + 1):
        for statement in statements.split(";"):
            database.execute(statement)
        database.execute(f"pragma user_version = {number}")
