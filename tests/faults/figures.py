"""What a published database says of some sessions, row by row, and of what could not be used."""

from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb

Figures = dict[str, list[tuple[Any, ...]]]

VOLATILE = frozenset(
    {"load_id", "loaded_at", "extracted_at", "ingested_at", "first_ingested_at", "last_ingested_at", "first_seen_at"}
)
OF_THE_WHOLE = frozenset({"project_name"})
"""Columns that say how a row stands among all others: a project's name is longer where two end alike."""


def opened(data: Path) -> duckdb.DuckDBPyConnection:
    """Return a connection to the published database, to read."""
    return duckdb.connect(str((data / "duckdb" / "analytics.db").resolve()), read_only=True)


def figures_of(data: Path, sessions: set[str]) -> Figures:
    """Return the rows of these sessions in every mart that has a row per session or finer."""
    with closing(opened(data)) as connection:
        listed = connection.execute(
            "select table_name, list(column_name order by column_index) from duckdb_columns()"
            " where schema_name = 'marts' group by 1 having bool_or(column_name = 'session_id') order by 1"
        ).fetchall()
        return {table: _rows(connection, table, columns, sessions) for table, columns in listed}


def _rows(connection: duckdb.DuckDBPyConnection, table: str, columns: list[str], sessions: set[str]) -> list[Any]:
    kept = ", ".join(f'"{name}"' for name in columns if name not in VOLATILE | OF_THE_WHOLE)
    query = f"select {kept} from marts.{table} where list_contains(?, session_id) order by all"
    return connection.execute(query, [sorted(sessions)]).fetchall()


def count(data: Path, query: str) -> int:
    """Return the one number that a query of the published database gives."""
    with closing(opened(data)) as connection:
        ((number,),) = connection.execute(query).fetchall()
        return int(number)
