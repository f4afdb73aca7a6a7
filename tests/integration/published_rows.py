"""Reads a published database, and compares two of them row by row."""

from pathlib import Path
from typing import Any

import duckdb

VOLATILE = {"load_id", "loaded_at", "extracted_at", "ingested_at", "first_ingested_at", "last_ingested_at"}
SCHEDULERS_OWN = {"fct_pipeline_runs", "fct_dbt_results"}


def rows(data: Path, sql: str) -> list[Any]:
    """Rows of the database that is published in a data directory."""
    with duckdb.connect(str(data / "duckdb" / "current" / "analytics.db"), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def differences(left: Path, right: Path, *, without: frozenset[str] = frozenset()) -> dict[str, int]:
    """Count the rows of schema marts that only one of two databases has, by table.

    Left out are moments at which a row came, the scheduler's own tables, and the columns `without`.
    """
    found = {}
    with duckdb.connect() as connection:
        for name, database in (("one", left), ("other", right)):
            connection.execute(f"attach '{database.resolve()}' as {name} (read_only)")
        columns = connection.execute(
            "select table_name, list(column_name order by column_index)"
            " from duckdb_columns() join duckdb_tables() using (database_name, schema_name, table_name)"
            " where database_name = 'one' and schema_name = 'marts' group by 1"
        ).fetchall()
        for table, names in columns:
            if table not in SCHEDULERS_OWN:
                kept = ", ".join(f'"{name}"' for name in names if name not in VOLATILE | without)
                if number := _only_in_one(connection, table, kept):
                    found[table] = number
    return found


def _only_in_one(connection: duckdb.DuckDBPyConnection, table: str, columns: str) -> int:
    one, other = (f"select {columns} from {name}.marts.{table}" for name in ("one", "other"))
    only = f"({one} except all {other}) union all ({other} except all {one})"
    ((number,),) = connection.execute(f"select count(*) from ({only})").fetchall()
    return int(number)
