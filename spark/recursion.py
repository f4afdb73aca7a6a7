"""Recursive queries on Spark 3.5, which has none: each round is a table, until a round finds nothing.

Tables and not views: Spark reads a view's text again wherever it is named, and each round names the one before thrice.
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import sqlglot
from sqlglot import exp

from spark.dialect.source import Source
from spark.dialect.transpile import Columns, resolved, written

Run = Callable[[str], Any]

MOST_ROUNDS = 1_000
"""A query that still finds rows then would never end."""


class Place(NamedTuple):
    """Where the tables of the rounds are made, and in which format."""

    schema: str = "scratch"
    format: str = "iceberg"


IN_THE_LAKE = Place()


@contextmanager
def without_recursion(
    sql: str, columns: Columns, run: Run, count: Callable[[str], int], place: Place = IN_THE_LAKE
) -> Iterator[str]:
    """Give the query in Spark's words, with its recursive parts computed; their tables are there until the block ends.

    Args:
        sql: A query of DuckDB.
        columns: Columns of the tables that it reads.
        run: Runs a statement of Spark in the session that will run the query.
        count: Runs a query of one number, and returns it.
        place: Where the tables of the rounds are made.
    """
    tree = resolved(sqlglot.parse_one(sql, dialect=Source), columns)
    tables = _Tables(run, count, place)
    try:
        for with_ in tree.find_all(exp.With):
            tables.compute(with_)
        yield written(tree)
    finally:
        tables.drop()


class _Tables:
    """The tables of one query's rounds."""

    def __init__(self, run: Run, count: Callable[[str], int], place: Place) -> None:
        self._run, self._count, self._place = run, count, place
        self._made: list[str] = []

    def drop(self) -> None:
        """Drop what was made."""
        for table in self._made:
            self._run(f"drop table if exists {table}")

    def compute(self, with_: exp.With) -> None:
        """Put what its rounds found in the place of each recursive part."""
        with_.set("recursive", False)
        for number, part in enumerate(with_.expressions):
            part.set("materialized", None)
            if isinstance(part.this, exp.Union) and _asks(part.this.expression, part.alias):
                before = with_.expressions[:number]
                self._keep(part.this.expression, before)
                names = part.this.named_selects
                selects = [_rows_of(table, names) for table in self._rounds(part, before)]
                part.set("this", selects[0] if len(selects) == 1 else exp.union(*selects, distinct=False))

    def _keep(self, step: exp.Expr, before: list[exp.CTE]) -> None:
        """Compute once what every round reads."""
        for number, part in enumerate(before):
            if _asks(step, part.alias):
                names = part.this.named_selects
                part.set("this", _rows_of(self._make(_alone(part.this, before[:number])), names))

    def _rounds(self, part: exp.CTE, before: list[exp.CTE]) -> list[str]:
        """Return the tables that hold the rows of each round."""
        rounds: list[str] = []
        names, query, known = part.this.named_selects, part.this.this, before
        _name(part.this.expression, names)
        while len(rounds) < MOST_ROUNDS:
            rounds.append(self._make(_alone(query, known)))
            if self._count(f"select count(*) from {rounds[-1]}") == 0:
                return rounds
            last = exp.CTE(this=_rows_of(rounds[-1], names), alias=part.args["alias"].copy())
            query, known = part.this.expression, [*before, last]
        raise RecursionError(f"{part.alias}: expected the rounds to end, found rows in round {MOST_ROUNDS}")

    def _make(self, query: exp.Expr) -> str:
        name = f"{self._place.schema}.round_{uuid.uuid4().hex[:12]}"
        if not self._made:
            self._run(f"create schema if not exists {self._place.schema}")
        self._made.append(name)
        self._run(f"create table {name} using {self._place.format} as {written(query)}")
        return name


def _name(query: exp.Expr, names: list[str]) -> None:
    """Give a step's columns the names that the first part gives them."""
    if isinstance(query, exp.Select):
        named = [exp.alias_(value.unalias(), name) for value, name in zip(query.expressions, names, strict=True)]
        query.set("expressions", named)


def _alone(query: exp.Expr, before: list[exp.CTE]) -> exp.Expr:
    """Return a part of a query as a query, with the parts that it needs."""
    needed: list[exp.CTE] = []
    asking = [query]
    for part in reversed(before):
        if any(_asks(other, part.alias) for other in asking):
            needed.insert(0, part.copy())
            asking.append(part.this)
    statement = query.copy()
    statement.set("with_", exp.With(expressions=needed) if needed else None)
    return statement


def _rows_of(table: str, names: list[str]) -> exp.Select:
    return exp.select(*(exp.column(name, quoted=True) for name in names)).from_(table)


def _asks(query: exp.Expr, name: str) -> bool:
    return any(table.name == name and not table.db for table in query.find_all(exp.Table))
