"""The datasets of the page: held in memory while the report is made, and written by column, texts as codes.

The copies in memory serve the cards as well: the query of a dataset runs once, and not once a card.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import uuid4

import duckdb

from dashboards.card_query import plain_columns, run_sql
from dashboards.definitions import Catalog, Column, Dataset
from report.readers import Readers

TEXT_LIMIT = 160
EPOCH = date(1970, 1, 1).toordinal()
_CARDS_WORTH_HOLDING = 3

Facts = dict[str, Sequence[Any]]
"""The rows of a dataset by column."""


def days_since_epoch(day: date) -> int:
    """The number by which the page knows a day."""
    return day.toordinal() - EPOCH


def plain_number(value: Any) -> Any:
    """Round to ten significant digits: money to a millionth of a cent, and no tail of binary noise to download."""
    return float(f"{value:.10g}") if isinstance(value, float) else value


@contextmanager
def held_catalog(connection: duckdb.DuckDBPyConnection, readers: Readers, catalog: Catalog) -> Iterator[Catalog]:
    """Yield a catalog that reads datasets from copies in memory.

    One of which the report carries only the newest rows is large: it is held where several cards share it.
    """
    place = f"held_{uuid4().hex}"  # two reports of one process share what is attached
    connection.execute(f"attach ':memory:' as {place} (read_write)")
    try:
        uses = Counter(card.dataset for card in catalog.cards.values() if card.dataset)
        names = [name for name, cards in uses.items() if _is_worth_holding(catalog.datasets[name], cards)]
        datasets = [(place, name, catalog.datasets[name]) for name in names]
        held = dict(zip(names, readers.map(_hold, datasets), strict=True))
        yield replace(catalog, datasets=catalog.datasets | held)
    finally:
        connection.execute(f"detach {place}")


def _is_worth_holding(dataset: Dataset, cards: int) -> bool:
    return dataset.report_limit is None or cards >= _CARDS_WORTH_HOLDING


def _hold(connection: duckdb.DuckDBPyConnection, given: tuple[str, str, Dataset]) -> Dataset:
    place, name, dataset = given
    with suppress(duckdb.CatalogException):  # a mart is missing: the card says so
        connection.execute(f"create table {place}.{name} as {dataset.sql}")
        return dataset.model_copy(update={"sql": f"select * from {place}.{name}"})
    return dataset


def encode_dataset(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> tuple[dict[str, Any], Facts]:
    """Return the dataset as the page reads it, and its rows by column."""
    try:
        facts, left_out = _read(connection, dataset)
    except duckdb.CatalogException:
        facts, left_out = dict.fromkeys(dataset.columns, ()), False
        dataset = dataset.model_copy(update={"pick": None})
    columns = {name: _encode(column, facts[name]) for name, column in dataset.columns.items()}
    content: dict[str, Any] = {"rows": len(next(iter(facts.values()))), "columns": columns}
    if left_out and "day" in columns:
        content["since"] = min(columns["day"]["values"])
    if dataset.pick:
        content["pick"] = dataset.pick.column
        [first] = run_sql(connection, f"select {dataset.pick.first}", {}, ("first",)).rows
        content["first"] = first["first"]
    return content, facts


def _read(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> tuple[Facts, bool]:
    """Return the rows that the report carries, and whether there are more."""
    # No period holds the days of a broken clock.
    facts = f"from ({dataset.sql.strip()}) as facts where "
    facts += "year(day) between 2000 and 2100" if "day" in dataset.columns else "true"
    newest = next((name for name, column in dataset.columns.items() if column.kind in ("day", "time")), "")
    values: list[Any] = []
    if limit := dataset.report_limit:
        # The rows with every column are sorted only from where the oldest of them is.
        times = f"select {newest} as moment {facts} order by moment desc nulls last limit {limit + 1}"
        [(rows, dated, oldest)] = connection.execute(
            f"select count(*), count(moment), min(moment) from ({times})"
        ).fetchall()
        if dated > limit:
            facts += f" and {newest} >= ?"
            values = [oldest]
        facts += f" order by {newest} desc nulls last limit {limit}"
    result = connection.execute(f"select {', '.join(dataset.columns)} {facts}", values or None)
    columns = plain_columns(result)
    return dict(zip(dataset.columns, columns, strict=True)), bool(limit and rows > limit)


def _encode(column: Column, values: Sequence[Any]) -> dict[str, Any]:
    if column.kind == "day":
        return {"values": _each(values, days_since_epoch)}
    if column.kind == "number":
        return {"values": _each(values, plain_number) if float in set(map(type, values)) else list(values)}
    texts: dict[Any, int] = dict.fromkeys(values, -1)
    known: dict[str | None, int] = {None: -1}
    for value in texts:
        texts[value] = known.setdefault(_text(value), len(known) - 1)
    return {"dictionary": [text for text in known if text is not None], "codes": [texts[value] for value in values]}


def _each(values: Sequence[Any], convert: Callable[[Any], Any]) -> list[Any]:
    """Convert each value; equal ones once, since of days and amounts many are equal."""
    known = {value: None if value is None else convert(value) for value in set(values)}
    return [known[value] for value in values]


def _text(value: Any) -> str | None:
    if value is None:
        return None
    # Milliseconds keep the order of what happened within one minute; the page shows minutes.
    text = value.isoformat(" ", "milliseconds") if isinstance(value, datetime) else str(value)
    return text if len(text) <= TEXT_LIMIT else text[: TEXT_LIMIT - 1] + "…"
