"""What the report's page carries as JSON: the datasets by column, and for each card how to count and draw it."""

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import duckdb

from dashboards.card_query import Rows, run_card, run_sql, shown_columns
from dashboards.card_sql import sort_keys
from dashboards.definitions import Card, Catalog, Column, Dataset
from dashboards.palette import DARK, LIGHT
from report.charts import OTHER, SERIES_LIMIT, folds, has_chart, specification
from report.vega import Vega

TABLE_ROWS = 200
TEXT_LIMIT = 160
EPOCH = date(1970, 1, 1)
_CARDS_WORTH_HOLDING = 3


@dataclass(frozen=True)
class Shown:
    """What a card shows in the period that the page shows first: its rows, and how many there are without its limit."""

    rows: list[dict[str, Any]]
    total: int
    missing: str | None


def days_since_epoch(day: date) -> int:
    """The number by which the page knows a day."""
    return (day - EPOCH).days


def encode_dataset(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> tuple[dict[str, Any], Rows]:
    """The dataset's rows by column, and the rows themselves."""
    found = run_sql(connection, _limited(dataset), {}, tuple(dataset.columns))
    left_out = dataset.report_limit is not None and len(found.rows) > dataset.report_limit
    if left_out:
        del found.rows[dataset.report_limit :]
    columns = {name: _encode(column, [row[name] for row in found.rows]) for name, column in dataset.columns.items()}
    content: dict[str, Any] = {"rows": len(found.rows), "columns": columns}
    if left_out and "day" in columns:
        content["since"] = min(columns["day"]["values"])
    if dataset.pick and not found.missing:
        content["pick"] = dataset.pick.column
        [first] = run_sql(connection, f"select {dataset.pick.first}", {}, ("first",)).rows
        content["first"] = first["first"]
    return content, found


def _limited(dataset: Dataset) -> str:
    # No period holds the days of a broken clock. One row more than the report carries tells whether there are more.
    columns = ", ".join(dataset.columns)
    sql = f"select {columns} from ({dataset.sql.strip()}) as facts"
    if "day" in dataset.columns:
        sql += " where year(day) between 2000 and 2100"
    if dataset.report_limit:
        newest = next(name for name, column in dataset.columns.items() if column.kind in ("day", "time"))
        sql += f" order by {newest} desc nulls last limit {dataset.report_limit + 1}"
    return sql


def _encode(column: Column, values: list[Any]) -> dict[str, Any]:
    if column.kind == "day":
        return {"values": [None if value is None else days_since_epoch(value) for value in values]}
    if column.kind == "number":
        return {"values": [_number(value) for value in values]}
    texts = [_text(value) for value in values]
    known = {text: code for code, text in enumerate(dict.fromkeys(text for text in texts if text is not None))}
    return {"dictionary": list(known), "codes": [-1 if text is None else known[text] for text in texts]}


def _number(value: Any) -> Any:
    # Ten significant digits: money to a millionth of a cent, and no tail of binary noise to download.
    return float(f"{value:.10g}") if isinstance(value, float) else value


def _text(value: Any) -> str | None:
    if value is None:
        return None
    # Milliseconds keep the order of what happened within one minute; the page shows minutes.
    text = value.isoformat(" ", "milliseconds") if isinstance(value, datetime) else str(value)
    return text if len(text) <= TEXT_LIMIT else text[: TEXT_LIMIT - 1] + "…"


def encode_card(catalog: Catalog, key: str, card: Card, facts: Rows | None, own: Shown, vega: Vega) -> dict[str, Any]:
    """One card: its measures, order, columns and chart. `facts` are its dataset's rows, `own` its SQL's."""
    columns = catalog.columns_of(card)
    series = series_of(card, columns, facts.rows if facts else own.rows)
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
    return _number(value)


def series_of(card: Card, columns: dict[str, Column], rows: Iterable[dict[str, Any]]) -> list[str]:
    """The values of the colour column, largest over all time first, so that a filter changes no colour."""
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


def _held(connection: duckdb.DuckDBPyConnection, catalog: Catalog) -> Catalog:
    """Return a catalog that reads datasets from temporary tables: their queries run once, not once a card.

    One of which the report carries only the newest rows is large: it is held where several cards share it.
    """
    held = dict(catalog.datasets)
    for name, cards in Counter(card.dataset for card in catalog.cards.values() if card.dataset).items():
        dataset = catalog.datasets[name]
        if dataset.report_limit is not None and cards < _CARDS_WORTH_HOLDING:
            continue
        with suppress(duckdb.CatalogException):  # a mart is missing: the card says so
            connection.execute(f"create or replace temp table dataset_{name} as {dataset.sql}")
            held[name] = dataset.model_copy(update={"sql": f"select * from dataset_{name}"})
    return replace(catalog, datasets=held)


def _shown(connection: duckdb.DuckDBPyConnection, catalog: Catalog, card: Card, **period: str) -> Shown:
    found = run_card(connection, catalog, card.model_copy(update={"limit": None}), **period)
    return Shown(found.rows[: card.limit], len(found.rows), found.missing)


def encode_catalog(
    connection: duckdb.DuckDBPyConnection, catalog: Catalog, vega: Vega, **period: str
) -> tuple[dict[str, Any], dict[str, Shown]]:
    """Return datasets and cards for the page, and what each card shows in the period given."""
    catalog = _held(connection, catalog)
    datasets: dict[str, Any] = {}
    facts: dict[str, Rows] = {}
    for name in dict.fromkeys(card.dataset for card in catalog.cards.values() if card.dataset):
        datasets[name], facts[name] = encode_dataset(connection, catalog.datasets[name])
    shown = {key: _shown(connection, catalog, card, **period) for key, card in catalog.cards.items()}
    cards = {
        key: encode_card(catalog, key, card, facts.get(card.dataset or ""), shown[key], vega)
        for key, card in catalog.cards.items()
    }
    themes = {
        "light": vega.theme(dark=False),
        "dark": vega.theme(dark=True),
        "swap": dict(zip(LIGHT, DARK, strict=True)),
    }
    return {"datasets": datasets, "cards": cards, "themes": themes}, shown
