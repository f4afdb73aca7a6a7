"""The JSON of the report's page: the datasets by column, and for each card how to count and draw it."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import duckdb

from dashboards.card_query import run_statement, shown_columns
from dashboards.card_sql import bind, card_sql, sort_keys
from dashboards.definitions import Card, Catalog, Column
from dashboards.palette import DARK, LIGHT
from report.charts import OTHER, SERIES_LIMIT, folds, has_chart, specification
from report.datasets import Facts, encode_dataset, plain_number
from report.held import Held, held
from report.readers import Readers
from report.vega import Vega

TABLE_ROWS = 200


@dataclass(frozen=True)
class Shown:
    """A card's rows in the initial period, and how many there are without its limit."""

    rows: list[dict[str, Any]]
    total: int
    missing: str | None


def encode_card(catalog: Catalog, key: str, card: Card, facts: Facts, own: Shown, vega: Vega) -> dict[str, Any]:
    """One card: its measures, order, columns and chart. `facts` are its dataset's rows, `own` its SQL's."""
    columns = catalog.columns_of(card)
    series = series_of(card, columns, _weighed(card, facts))
    content: dict[str, Any] = {
        "key": key,
        "title": card.title,
        "kind": card.kind,
        "dataset": card.dataset,
        "by": card.by,
        "list": card.list_,
        "where": card.where,
        "limit": card.limit,
        "compare": card.compare,
        "from_beginning": card.from_beginning,
        "better": card.better,
        "opens": card.opens,
        "values": _values(card, columns),
        "sort": [
            (name, down, list(columns[name].order) or None if name in columns else None)
            for name, down in sort_keys(card, columns)
        ],
        "columns": {
            name: {
                "label": column.label,
                "format": column.shown_as,
                "align": column.kind,
                "order": list(column.order) or None,
                "missing": column.missing,
            }
            for name, column in shown_columns(catalog, card).items()
        },
        "series": series,
        "folds": folds(card),
    }
    if has_chart(card):
        content["chart"] = vega.chart(specification(card, columns, series))
    if not card.dataset:
        content["rows"] = [{name: _json(value) for name, value in row.items()} for row in own.rows[: TABLE_ROWS * 5]]
        content["total"] = own.total
    return content


def _values(card: Card, columns: dict[str, Column]) -> dict[str, Any]:
    if card.dataset or card.kind != "number":
        return {name: _value(value.parts, value.label, value.format) for name, value in card.values.items()}
    return {name: _value(("", ()), column.label, column.shown_as) for name, column in columns.items()}


def _value(parts: tuple[str, tuple[str, ...]], label: str, format_: str) -> dict[str, Any]:
    function, columns = parts
    additive = function in ("sum", "count", "distinct", "streak", "current_streak")
    return {"function": function, "columns": columns, "label": label, "format": format_, "additive": additive}


def _json(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.strftime("%Y-%m-%d %H:%M") if isinstance(value, datetime) else value.isoformat()
    return plain_number(value)


def _weighed(card: Card, facts: Facts) -> Iterator[dict[str, Any]]:
    """Yield the facts as rows for `series_of`; none for a card without series."""
    used = {*card.by, *card.values, *(name for value in card.values.values() for name in value.parts[1])}
    names = [name for name in facts if name in used]
    for row in zip(*(facts[name] for name in names), strict=True):
        yield dict(zip(names, row, strict=True))


def series_of(card: Card, columns: dict[str, Column], rows: Iterable[dict[str, Any]]) -> list[str]:
    """Return the values of the colour column, largest over all time first, so that a filter does not change colours."""
    if len(card.by) < 2 or card.kind == "heatmap" or not has_chart(card) or folds(card):
        return []
    name, weigh = card.by[1], next(iter(card.values.values())).parts[1]
    if columns[name].order:
        return list(columns[name].order)
    sizes: dict[str, float] = {}
    for row in rows:
        if row[name] is not None:
            amount = row.get(weigh[0] if weigh else "", row.get(next(iter(card.values)), 1))
            sizes[row[name]] = sizes.get(row[name], 0) + float(amount or 0)
    largest = sorted(sizes, key=lambda value: (-sizes[value], value))
    return largest if len(largest) <= SERIES_LIMIT + 1 else [*largest[:SERIES_LIMIT], OTHER]


@dataclass(frozen=True)
class Encoded:
    """The page's datasets, its cards' initial rows, and the JSON of both, by the page's name."""

    datasets: dict[str, dict[str, Any]]
    shown: dict[str, Shown]
    json: dict[str, str]


def encode_catalog(
    connection: duckdb.DuckDBPyConnection, readers: Readers, catalog: Catalog, vega: Vega, **period: str
) -> Encoded:
    """Return datasets and cards for the page; the cards are shown in the period given."""
    datasets: dict[str, dict[str, Any]] = {}
    facts: dict[str | None, Facts] = {None: {}}
    shown: dict[str, Shown] = {}
    texts: dict[str, str] = {}
    cards: dict[str, str] = {}
    with held(connection, readers, catalog) as copies:
        names = list(dict.fromkeys(card.dataset for card in catalog.cards.values() if card.dataset))
        read = readers.map(encode_dataset, [copies.catalog.datasets[name] for name in names])
        counted = readers.map(lambda cursor, card: _shown(cursor, copies, card, **period), catalog.cards.values())
        # This thread writes available results while the others wait for DuckDB.
        for name, (datasets[name], facts[name]) in zip(names, read, strict=True):
            texts[name] = as_json(datasets[name])
        for (key, card), shown[key] in zip(catalog.cards.items(), counted, strict=True):
            cards[key] = as_json(encode_card(catalog, key, card, facts[card.dataset], shown[key], vega))
    themes = {
        "light": vega.theme(dark=False),
        "dark": vega.theme(dark=True),
        "swap": dict(zip(LIGHT, DARK, strict=True)),
    }
    return Encoded(
        datasets, shown, {"datasets": json_object(texts), "cards": json_object(cards), "themes": as_json(themes)}
    )


def as_json(value: Any) -> str:
    """Return a value as JSON for the page. Raises ValueError for a number that is not finite."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=str)


def json_object(members: dict[str, str]) -> str:
    """Return an object of values that are JSON already."""
    return "{" + ",".join(f"{as_json(name)}:{text}" for name, text in members.items()) + "}"


def _shown(connection: duckdb.DuckDBPyConnection, copies: Held, card: Card, **period: str) -> Shown:
    first, last = (date.fromisoformat(period[name]) for name in ("date_from", "date_to"))
    whole = card.model_copy(update={"limit": None})
    sql = copies.rewritten(card_sql(copies.catalog, whole), first, last)
    found = run_statement(connection, copies.catalog, whole, *bind(sql, period))
    return Shown(found.rows[: card.limit], len(found.rows), found.missing)
