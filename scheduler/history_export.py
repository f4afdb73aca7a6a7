"""The run history as tables of `raw` in the work database, so that the scheduler's health is on the dashboards too.

`raw` mirrors the history: expired runs are deleted, new ones added. dbt's staging models create the same
tables if they are missing (macro scheduler_table), so a build without a scheduler works too.
"""

from datetime import UTC, datetime, timedelta

import duckdb

from scheduler.history import History
from scheduler.work_database import ROWS, rows_as_json

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

TABLES: dict[str, dict[str, str]] = {
    "pipeline_runs": {
        "run_id": "bigint",
        "kind": "varchar",
        "trigger": "varchar",
        "status": "varchar",
        "scheduled_at": "timestamptz",
        "started_at": "timestamptz",
        "finished_at": "timestamptz",
        "seconds": "double",
        "message": "varchar",
        "full_refresh": "boolean",
        "generation": "bigint",
        "host": "varchar",
    },
    "pipeline_steps": {
        "run_id": "bigint",
        "position": "integer",
        "name": "varchar",
        "status": "varchar",
        "started_at": "timestamptz",
        "seconds": "double",
        "rows_in": "bigint",
        "rows_out": "bigint",
        "attempts": "integer",
        "message": "varchar",
    },
    "dbt_results": {
        "run_id": "bigint",
        "position": "integer",
        "unique_id": "varchar",
        "name": "varchar",
        "resource_type": "varchar",
        "status": "varchar",
        "seconds": "double",
        "rows": "bigint",
        "failures": "bigint",
        "message": "varchar",
    },
}


def ensure_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the three tables if they are missing."""
    connection.execute("create schema if not exists raw")
    for name, columns in TABLES.items():
        fields = ", ".join(f"{column} {kind}" for column, kind in columns.items())
        connection.execute(f"create table if not exists raw.{name} ({fields})")


def export_history(connection: duckdb.DuckDBPyConnection, history: History) -> None:
    """Synchronise the tables with the history's finished runs. The exporting run is not among them yet."""
    ensure_tables(connection)
    finished = history.query("select id, started_at from runs where finished_at is not null")
    kept = {(row["id"], _microseconds(row["started_at"])) for row in finished}
    # an id is not enough: a history that was deleted counts from 1 again
    there = set(connection.execute("select run_id, epoch_us(started_at) from raw.pipeline_runs").fetchall())
    connection.begin()
    for name, columns in TABLES.items():
        gone = [run_id for run_id, _ in there - kept]
        connection.execute(f"delete from raw.{name} where run_id in (select unnest(?::bigint[]))", [gone])
        _copy(connection, history, name, columns, {run_id for run_id, _ in kept - there})
    connection.commit()


def _copy(
    connection: duckdb.DuckDBPyConnection, history: History, name: str, columns: dict[str, str], run_ids: set[int]
) -> None:
    if not run_ids:
        return
    source, key = ("runs", "id") if name == "pipeline_runs" else (name.removeprefix("pipeline_"), "run_id")
    sql = f"select *, {key} as run_id from {source} where {key} between ? and ? order by rowid"
    found = [row for row in history.query(sql, (min(run_ids), max(run_ids))) if row[key] in run_ids]
    rows = ([row[column] for column in columns] for row in found)
    connection.execute(f"insert into raw.{name} {ROWS}", rows_as_json(rows, columns))


def _microseconds(moment: str) -> int:
    return (datetime.fromisoformat(moment) - _EPOCH) // timedelta(microseconds=1)
