"""Runs cards against a database: the statement a dashboard would send, and its rows under the card's names."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from common.duckdb_files import open_read_only
from dashboards.card_sql import bind, card_sql, has_change, label_of
from dashboards.definitions import Card, Catalog, Column


@dataclass(frozen=True)
class Rows:
    """A card's result: named columns and rows, or why there are none."""

    names: tuple[str, ...]
    rows: list[dict[str, Any]]
    missing: str | None = None
    """DuckDB's error if the database lacks a mart that the card reads."""


@contextmanager
def opened(database: Path, timezone: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A read-only connection whose local time is `timezone`."""
    with open_read_only(database) as connection:
        connection.execute("set timezone = ?", [ZoneInfo(timezone).key])
        yield connection


def shown_columns(catalog: Catalog, card: Card) -> dict[str, Column]:
    """The columns of a card's rows in order, values included, each with label and format."""
    known = catalog.columns_of(card)
    values = {
        name: Column(kind="number", label=value.label, format=value.format) for name, value in card.values.items()
    }
    names = (*card.by, *card.list_) if card.dataset else tuple(known)
    plain = {name: known[name].model_copy(update={"label": label_of(known, name)}) for name in names}
    return {**plain, **values}


def run_card(connection: duckdb.DuckDBPyConnection, catalog: Catalog, card: Card, **given: str) -> Rows:
    """Run the card's SQL with these parameters; a missing mart is a result, any other error is raised."""
    return run_statement(connection, catalog, card, *bind(card_sql(catalog, card), given))


def run_statement(
    connection: duckdb.DuckDBPyConnection, catalog: Catalog, card: Card, sql: str, values: dict[str, str]
) -> Rows:
    """Run a statement equivalent to the card's SQL, and return its rows as the card's."""
    names = tuple(shown_columns(catalog, card))
    if card.opens and "session_id" not in names:
        names = (*names, "session_id")
    if has_change(catalog, card):
        names = ("period_from", "period_before", *names)
    found = run_sql(connection, sql, values, names=names)
    return _filled(card, found) if card.kind == "heatmap" else found


def _filled(card: Card, found: Rows) -> Rows:
    """Return a heatmap's non-empty cells; the empty ones are only for Metabase."""
    return replace(found, rows=[row for row in found.rows if any(row[name] is not None for name in card.values)])


def run_sql(
    connection: duckdb.DuckDBPyConnection, sql: str, values: dict[str, str], names: tuple[str, ...] | None = None
) -> Rows:
    """Run a statement; `names` replace its own column names, in order."""
    try:
        result = connection.execute(sql, values or None)
    except duckdb.CatalogException as error:
        return Rows(names or (), [], str(error).splitlines()[0])
    found = names or tuple(column[0] for column in result.description)
    rows = [dict(zip(found, row, strict=True)) for row in zip(*plain_columns(result), strict=True)]
    return Rows(found, rows)


def plain_columns(result: duckdb.DuckDBPyConnection) -> list[Sequence[Any]]:
    """Return a result by column, in types for a page and a CSV: decimals as floats, instants as local time."""
    types = [str(column[1]) for column in result.description]
    columns: list[Sequence[Any]] = list(zip(*result.fetchall(), strict=True)) or [() for _ in types]
    return [_plain(type_, values) for type_, values in zip(types, columns, strict=True)]


def _plain(type_: str, values: Sequence[Any]) -> Sequence[Any]:
    if type_.startswith("DECIMAL"):
        return [None if value is None else float(value) for value in values]
    if type_ == "TIMESTAMP WITH TIME ZONE":
        return [None if value is None else value.replace(tzinfo=None) for value in values]
    return values
