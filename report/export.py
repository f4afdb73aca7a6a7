"""The cards as files over the whole history: a CSV for each, a picture for each chart."""

import csv
import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import vl_convert

from common.design import tokens
from dashboards.card_query import Rows, opened, run_card, shown_columns
from dashboards.definitions import Card, Catalog, load_catalog
from dashboards.formats import show
from dashboards.palette import in_dark
from report.charts import OTHER, folded_rows, has_chart, specification, theme
from report.html import period_of
from report.payload import series_of

PICTURE_WIDTH = 760


def export_csv(database: Path, folder: Path, *, timezone: str) -> list[Path]:
    """Write `dashboard.card.csv` for every card into `folder`; the files written."""
    return [_write_csv(folder, key, found) for key, _, found in _everything(database, folder, timezone)]


def export_png(database: Path, folder: Path, *, timezone: str, dark: bool = False) -> list[Path]:
    """Write `dashboard.card.png` for every chart that has rows into `folder`; the files written."""
    catalog = load_catalog()
    drawn = [found for found in _everything(database, folder, timezone) if has_chart(found[1]) and found[2].rows]
    return [_write_png(folder / f"{key}.png", catalog, card, found, dark) for key, card, found in drawn]


def _everything(database: Path, folder: Path, timezone: str) -> list[tuple[str, Card, Rows]]:
    catalog = load_catalog()
    folder.mkdir(parents=True, exist_ok=True)
    with opened(database, timezone) as connection:
        period = period_of(connection, timezone)
        given = {"date_from": period["first_text"], "date_to": period["last_text"]}
        return [(key, card, run_card(connection, catalog, card, **given)) for key, card in catalog.cards.items()]


def _write_csv(folder: Path, key: str, found: Rows) -> Path:
    path = folder / f"{key}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(found.names)
        writer.writerows([row[name] for name in found.names] for row in found.rows)
    return path


def _write_png(path: Path, catalog: Catalog, card: Card, found: Rows, dark: bool) -> Path:
    series = series_of(card, catalog.columns_of(card), found.rows)
    rows = folded_rows(card, [_drawable(catalog, card, row, series) for row in found.rows])
    drawn = json.dumps(specification(card, catalog.columns_of(card), series))
    chart = json.loads(in_dark(drawn) if dark else drawn) | {
        "width": PICTURE_WIDTH,
        "title": {"text": card.title, "subtitle": card.description, "anchor": "start", "offset": 12},
        "datasets": {"rows": rows},
    }
    config = theme(dark) | {"background": tokens(dark=dark)["card"], "padding": 18}
    path.write_bytes(vl_convert.vegalite_to_png(chart, scale=2, config=config))
    return path


def _drawable(catalog: Catalog, card: Card, row: dict[str, Any], series: list[str]) -> dict[str, Any]:
    """Return a row for a chart: days as text with the day after, each value also as formatted text."""
    point = {name: value.isoformat() if isinstance(value, date) else value for name, value in row.items()}
    point |= {f"{name}_text": show(row[name], column.shown_as) for name, column in shown_columns(catalog, card).items()}
    day = row.get("day")
    if isinstance(day, date) and not isinstance(day, datetime):
        point["until"] = (day + timedelta(days=1)).isoformat()
    if series:
        point[card.by[1]] = point[card.by[1]] if point[card.by[1]] in series else OTHER
        point["order"] = series.index(point[card.by[1]])
    return point
