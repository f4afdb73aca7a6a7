"""In-memory copies of rows that several cards read for a report: their queries run once, not once per card."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date
from uuid import uuid4

import duckdb

from dashboards.card_sql import for_given_period
from dashboards.definitions import Catalog, Dataset
from report.readers import Readers

_CARDS_WORTH_HOLDING = 3
_MART = re.compile(r"\bmarts\.(\w+)")
_VIEWS = "select view_name from duckdb_views() where schema_name = 'marts'"


@dataclass(frozen=True)
class Held:
    """The catalog with datasets read from copies, and the rewriting of cards' statements to copies of views."""

    catalog: Catalog
    place: str
    views: frozenset[str]

    def rewritten(self, sql: str, first: date, last: date) -> str:
        """Return the statement of a card for this period, with copies in place of views."""

        def source(found: re.Match[str]) -> str:
            return f"{self.place}.{found[1]}" if found[1] in self.views else found[0]

        return for_given_period(_MART.sub(source, sql), first, last)


@contextmanager
def held(connection: duckdb.DuckDBPyConnection, readers: Readers, catalog: Catalog) -> Iterator[Held]:
    """Hold datasets, and views that several cards with custom SQL read, during this block."""
    place = f"held_{uuid4().hex}"  # two reports of one process share attached databases
    connection.execute(f"attach ':memory:' as {place} (read_write)")
    try:
        queries = _queries(connection, catalog)
        copies = [(f"{place}.{name}", sql) for name, sql in queries.items()]
        names = {name for name, is_held in zip(queries, readers.map(_hold, copies), strict=True) if is_held}
        yield _reading(catalog, place, names)
    finally:
        connection.execute(f"detach {place}")


def _queries(connection: duckdb.DuckDBPyConnection, catalog: Catalog) -> dict[str, str]:
    """Return the queries worth holding, by name.

    A dataset of which the report has only the newest rows is large: it is held if several cards share it.
    """
    views = {name for (name,) in connection.execute(_VIEWS).fetchall()}
    readers = Counter(name for card in catalog.cards.values() if card.sql for name in card.marts)
    shared = {name: f"select * from marts.{name}" for name, cards in readers.items() if cards > 1 and name in views}
    users = Counter(card.dataset for card in catalog.cards.values() if card.dataset)
    return shared | {
        name: catalog.datasets[name].sql
        for name, cards in users.items()
        if catalog.datasets[name].report_limit is None or cards >= _CARDS_WORTH_HOLDING
    }


def _hold(connection: duckdb.DuckDBPyConnection, copy: tuple[str, str]) -> bool:
    name, sql = copy
    with suppress(duckdb.CatalogException):  # a mart is missing: the card reports it
        connection.execute(f"create table {name} as {sql}")
        return True
    return False


def _reading(catalog: Catalog, place: str, names: set[str]) -> Held:
    copies: dict[str, Dataset] = {
        name: catalog.datasets[name].model_copy(update={"sql": f"select * from {place}.{name}"})
        for name in names & catalog.datasets.keys()
    }
    return Held(replace(catalog, datasets=catalog.datasets | copies), place, frozenset(names - copies.keys()))
