"""How dbt's statements reach Spark: those between two marks are DuckDB's, and are translated before they run.

The macros in dbt/macros/spark.sql set the marks. What dbt-spark says itself, such as `create schema`, runs as it is.
"""

import re
import time
from contextlib import closing
from typing import Any

from dbt.adapters.spark.connections import PyhiveConnectionWrapper
from dbt_common.exceptions import DbtDatabaseError
from sqlglot import exp, parse_one

from spark.dialect import Columns
from spark.dialect.source import Source
from spark.parts import Ask, with_parts_computed

BEGIN, END = "/* duckdb */", "/* end of duckdb */"
_MARKED = re.compile(re.escape(BEGIN) + r"(.*?)" + re.escape(END), re.DOTALL)
_MADE = re.compile(r"create or replace table `?(\w+)`?\.`?(\w+)`? ")
_UNFINISHED = (0, 1, 7)  # initialised, running, pending
POLL_SECONDS = 0.05


def install() -> None:
    """Have every statement of dbt-spark in this process translated."""
    run_as_it_is, tables = PyhiveConnectionWrapper.execute, _KnownTables()

    def execute(self: Any, sql: str, bindings: list[Any] | None = None) -> None:
        self.poll_interval = POLL_SECONDS
        marked = _MARKED.search(sql)
        if marked is None:
            run_as_it_is(self, sql, bindings)
            return
        connection, query = _Connection(self.handle), marked[1].strip()
        ask = connection.ask
        before, behind = sql[: marked.start()], sql[marked.end() :]
        columns = tables.of(query, ask)
        with with_parts_computed(query, columns, connection.run, ask) as written:
            made = _MADE.search(before)
            run_as_it_is(self, before + (_typed(written, ask) if made else written) + behind, bindings)
        if made:
            tables.forget((made[1], made[2]))

    PyhiveConnectionWrapper.execute = execute


class _Connection:
    """Statements beside dbt's own, on its connection."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    def run(self, sql: str) -> None:
        """Run a statement that gives no rows."""
        with closing(self._finished(sql)):
            pass

    def ask(self, sql: str) -> list[Any]:
        """Return the rows of a query."""
        with closing(self._finished(sql)) as cursor:
            return list(cursor.fetchall())

    def _finished(self, sql: str) -> Any:
        cursor = self._handle.cursor()
        cursor.execute(sql, async_=True)
        while (answer := cursor.poll()).operationState in _UNFINISHED:
            time.sleep(POLL_SECONDS)
        if answer.errorMessage:
            cursor.close()
            raise DbtDatabaseError(answer.errorMessage)
        return cursor


class _KnownTables:
    """What Spark said of tables, each until dbt makes it again."""

    def __init__(self) -> None:
        self._columns: dict[tuple[str, str], dict[str, exp.DataType]] = {}

    def forget(self, table: tuple[str, str]) -> None:
        """Ask again for this one: it was made."""
        self._columns.pop(table, None)

    def of(self, query: str, ask: Ask) -> Columns:
        """Return the columns of every table that a query of DuckDB reads, by schema and name."""
        found: dict[str, dict[str, dict[str, exp.DataType]]] = {}
        for table in parse_one(query, dialect=Source).find_all(exp.Table):
            if table.db:
                key = (table.db, table.name)
                if key not in self._columns:
                    self._columns[key] = _columns(ask(f"describe `{table.db}`.`{table.name}`"))
                found.setdefault(table.db, {})[table.name] = self._columns[key]
        return found


def _columns(described: list[Any]) -> dict[str, exp.DataType]:
    """Return columns and types; what follows them in a description, such as partitions, is left out."""
    columns: dict[str, exp.DataType] = {}
    for name, kind, *_ in described:
        if not name or name.startswith("#"):
            break
        columns[name] = exp.DataType.build(kind, dialect="spark")
    return columns


def _typed(written: str, ask: Ask) -> str:
    """Give columns that are NULL throughout a type: no table can have them otherwise."""
    described = [(name, kind) for name, kind, *_ in ask(f"describe query {written}")]
    if all(kind != "void" for _, kind in described):
        return written
    columns = [f"cast(`{name}` as string) as `{name}`" if kind == "void" else f"`{name}`" for name, kind in described]
    return f"select {', '.join(columns)} from ({written})"
