"""The datasets in the page: by column, texts as codes, and only the newest rows of large ones."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

import duckdb

from dashboards.card_query import plain_columns, run_sql
from dashboards.definitions import Column, Dataset

TEXT_LIMIT = 160
EPOCH = date(1970, 1, 1).toordinal()

Facts = dict[str, Sequence[Any]]
"""The rows of a dataset by column."""


def days_since_epoch(day: date) -> int:
    """Return a day as the page's number."""
    return day.toordinal() - EPOCH


def plain_number(value: Any) -> Any:
    """Round to ten significant digits: money to a millionth of a cent, without binary noise to download."""
    return float(f"{value:.10g}") if isinstance(value, float) else value


def encode_dataset(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> tuple[dict[str, Any], Facts]:
    """Return the dataset encoded for the page, and its rows by column."""
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
    """Return the rows for the report, and whether there are more."""
    # No period contains the days of a broken clock.
    facts = f"from ({dataset.sql.strip()}) as facts where "
    facts += "year(day) between 2000 and 2100" if "day" in dataset.columns else "true"
    if dataset.report_limit is None:
        return _columns(connection, dataset, facts), False
    newest = dataset.ordered_by or next(name for name, it in dataset.columns.items() if it.kind in ("day", "time"))
    most = dataset.report_limit + 1
    # The moment stays in DuckDB, whose calendar is longer than Python's.
    bounds = f"select {{'rows': count(*), 'dated': count({newest}), 'oldest': list_min(max({newest}, {most}))}} {facts}"
    connection.execute(f"set variable bounds = ({bounds})")
    [(rows, dated)] = connection.execute("select getvariable('bounds').rows, getvariable('bounds').dated").fetchall()
    if rows < most:
        return _columns(connection, dataset, facts), False
    # The shown columns are read and sorted only from the oldest shown row on.
    facts += f" and {newest} >= getvariable('bounds').oldest" if dated >= most else ""
    return _columns(connection, dataset, f"{facts} order by {newest} desc nulls last limit {most - 1}"), True


def _columns(connection: duckdb.DuckDBPyConnection, dataset: Dataset, facts: str) -> Facts:
    result = connection.execute(f"select {', '.join(dataset.columns)} {facts}")
    return dict(zip(dataset.columns, plain_columns(result), strict=True))


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
    """Convert each value; equal ones once, because many days and amounts are equal."""
    known = {value: None if value is None else convert(value) for value in set(values)}
    return [known[value] for value in values]


def _text(value: Any) -> str | None:
    if value is None:
        return None
    # Milliseconds keep the order of what happened within one minute; the page shows minutes.
    text = value.isoformat(" ", "milliseconds") if isinstance(value, datetime) else str(value)
    return text if len(text) <= TEXT_LIMIT else text[: TEXT_LIMIT - 1] + "…"
