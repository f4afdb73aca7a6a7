"""Compares every mart that Spark built in the lake with the mart of the same name in a DuckDB database, row by row."""

from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import NoSuchTableError

SCHEMA = "marts"
OF_ONE_DATABASE = frozenset({"load_id"})
"""Columns about a database and not the history: the load that added a line."""
DECIMALS = 8
"""Digits of a DOUBLE behind the point that must agree; a card shows four at most. Sums depend on the order of rows."""


class Difference(NamedTuple):
    """How a mart of Spark differs from DuckDB's."""

    mart: str
    message: str


def compare(database: Path, catalog: Catalog) -> tuple[list[str], list[Difference]]:
    """Return the marts that are equal, and how the others differ."""
    equal: list[str] = []
    different: list[Difference] = []
    with closing(duckdb.connect()) as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(f"attach '{database}' as {_catalog_of(database)} (read_only)")
        for mart in _marts(connection, _catalog_of(database)):
            message = _difference(connection, f"{_catalog_of(database)}.{SCHEMA}.{mart}", _rows(catalog, mart))
            if message:
                different.append(Difference(mart, message))
            else:
                equal.append(mart)
    return equal, different


def _catalog_of(database: Path) -> str:
    """Return the database's name in its views: that of its file."""
    return database.stem


def _marts(connection: duckdb.DuckDBPyConnection, catalog: str) -> list[str]:
    found = connection.execute(
        "select table_name from information_schema.tables where table_catalog = ? and table_schema = ? order by all",
        [catalog, SCHEMA],
    ).fetchall()
    return [name for (name,) in found]


def _rows(catalog: Catalog, mart: str) -> pa.Table | None:
    try:
        return catalog.load_table((SCHEMA, mart)).scan().to_arrow()
    except NoSuchTableError:
        return None


def _difference(connection: duckdb.DuckDBPyConnection, relation: str, rows: pa.Table | None) -> str:
    """Return how the rows differ from those of the relation, or ''."""
    if rows is None:
        return "is not in the lake"
    connection.register("rows_of_spark", rows)
    described = connection.execute(f"describe from {relation}").fetchall()
    kinds = {name: kind for name, kind, *_ in described if name not in OF_ONE_DATABASE}
    unknown = set(rows.column_names) - set(kinds) - OF_ONE_DATABASE
    missing = set(kinds) - set(rows.column_names)
    if unknown or missing:
        return f"lacks columns {sorted(missing)} and has besides {sorted(unknown)}"
    columns = [_as_compared(name, kind) for name, kind in kinds.items()]
    if _differing(connection, relation, columns) == 0:
        return ""
    differing = {name: _differing(connection, relation, [column]) for name, column in zip(kinds, columns, strict=True)}
    [(expected,)] = connection.execute(f"select count(*) from {relation}").fetchall()
    names = {name: count for name, count in differing.items() if count}
    return f"has {rows.num_rows} rows, DuckDB {expected}; values that differ, by column: {names or 'none by itself'}"


def _differing(connection: duckdb.DuckDBPyConnection, relation: str, columns: list[str]) -> int:
    """Return how many rows one side has and the other has not."""
    listed = ", ".join(columns)
    left, right = f"select {listed} from {relation}", f"select {listed} from rows_of_spark"
    [(count,)] = connection.execute(
        f"select count(*) from (({left} except all {right}) union all ({right} except all {left}))"
    ).fetchall()
    return int(count)


def _as_compared(name: str, kind: str) -> str:
    """Return a column in the type that both engines' values are compared in."""
    quoted = f'"{name}"'
    if kind in ("DOUBLE", "FLOAT"):
        return f"round(cast({quoted} as double), {DECIMALS}) as {quoted}"
    if kind.startswith("DECIMAL"):
        return f"cast({quoted} as decimal(38, 10)) as {quoted}"
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"cast({quoted} as timestamptz) as {quoted}"
    return f"cast({quoted} as varchar) as {quoted}"
