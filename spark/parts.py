"""Parts of a query that are computed before it: those that Spark 3.5 does not know, and those that it would repeat.

Spark knows no recursion: each round is a table, until a round finds nothing. And it puts the text of a `with` part
wherever the part is named: one that would read many tables again and again is a table, too.

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
Ask = Callable[[str], list[Any]]

MOST_ROUNDS = 1_000
"""A query that still finds rows then would never end."""
MOST_READ_AGAIN = 8
"""Tables that Spark may read again for one part of a query: about what it costs to write another table."""


class Place(NamedTuple):
    """Where those tables are made, and in which format."""

    schema: str = "scratch"
    format: str = "iceberg"


IN_THE_LAKE = Place()


@contextmanager
def with_parts_computed(sql: str, columns: Columns, run: Run, ask: Ask, place: Place = IN_THE_LAKE) -> Iterator[str]:
    """Yield the query as Spark SQL, with some CTEs replaced by tables that are dropped when the block ends.

    Args:
        sql: A query of DuckDB.
        columns: Columns of the tables that it reads.
        run: Runs a statement of Spark in the session that will run the query.
        ask: Runs a query there, and returns its rows.
        place: Where the tables are made.
    """
    tree = resolved(sqlglot.parse_one(sql, dialect=Source), columns)
    tables = _Tables(run, ask, place)
    try:
        for with_ in tree.find_all(exp.With):
            tables.compute(with_)
        tables.keep_repeated(tree)
        yield written(tree)
    finally:
        tables.drop()


class _Tables:
    """The tables that one query needs."""

    def __init__(self, run: Run, ask: Ask, place: Place) -> None:
        self._run, self._ask, self._place = run, ask, place
        self._tables: list[str] = []

    def drop(self) -> None:
        """Drop the created tables."""
        for table in self._tables:
            self._run(f"drop table if exists {table}")

    def compute(self, with_: exp.With) -> None:
        """Replace each recursive CTE with the union of its rounds' tables."""
        with_.set("recursive", False)
        for number, part in enumerate(with_.expressions):
            part.set("materialized", None)
            if isinstance(part.this, exp.Union) and _asks(part.this.expression, part.alias):
                before = with_.expressions[:number]
                self._keep(part.this.expression, before)
                names = part.this.named_selects
                selects = [_rows_of(table, names) for table in self._rounds(part, before)]
                part.set("this", selects[0] if len(selects) == 1 else exp.union(*selects, distinct=False))

    def keep_repeated(self, tree: exp.Expr) -> None:
        """Compute once what Spark would read again wherever it is named."""
        with_ = tree.args.get("with_")
        parts: list[exp.CTE] = with_.expressions if with_ else []
        reads: dict[str, int] = {}
        for number, part in enumerate(parts):
            reads[part.alias] = _tables_read(part.this, reads)
            again = (_times_named(tree, part.alias) - 1) * reads[part.alias]
            if again > MOST_READ_AGAIN and self._has_types(_alone(part.this, parts[:number])):
                self._replace(part, parts[:number])
                reads[part.alias] = 1

    def _has_types(self, query: exp.Expr) -> bool:
        """Return whether every column has a type: an all-NULL column has type void, which a table cannot store."""
        return all("void" not in kind for _, kind, *_ in self._ask(f"describe query {written(query)}"))

    def _replace(self, part: exp.CTE, before: list[exp.CTE]) -> None:
        names = part.this.named_selects
        part.set("this", _rows_of(self._make(_alone(part.this, before)), names))

    def _keep(self, step: exp.Expr, before: list[exp.CTE]) -> None:
        """Compute once what every round reads."""
        for number, part in enumerate(before):
            if _asks(step, part.alias):
                self._replace(part, before[:number])

    def _rounds(self, part: exp.CTE, before: list[exp.CTE]) -> list[str]:
        """Return the tables that hold the rows of each round."""
        rounds: list[str] = []
        names, query, known = part.this.named_selects, part.this.this, before
        _name(part.this.expression, names)
        while len(rounds) < MOST_ROUNDS:
            rounds.append(self._make(_alone(query, known)))
            if self._ask(f"select count(*) from {rounds[-1]}")[0][0] == 0:
                return rounds
            last = exp.CTE(this=_rows_of(rounds[-1], names), alias=part.args["alias"].copy())
            query, known = part.this.expression, [*before, last]
        raise RecursionError(f"{part.alias}: expected the rounds to end, found rows in round {MOST_ROUNDS}")

    def _make(self, query: exp.Expr) -> str:
        name = f"{self._place.schema}.part_{uuid.uuid4().hex[:12]}"
        if not self._tables:
            self._run(f"create schema if not exists {self._place.schema}")
        self._tables.append(name)
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
    return _times_named(query, name) > 0


def _times_named(query: exp.Expr, name: str) -> int:
    return sum(table.name == name and not table.db for table in query.find_all(exp.Table))


def _tables_read(query: exp.Expr, reads: dict[str, int]) -> int:
    """Return how many tables Spark reads for a query, each part of which reads so many."""
    return sum(1 if table.db else reads.get(table.name, 1) for table in query.find_all(exp.Table))
