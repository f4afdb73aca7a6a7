"""docs/metrics.md defines each headline figure once: its queries give what the cards show."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from dashboards.card_query import opened, run_card
from dashboards.definitions import load_catalog

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
CATALOG = load_catalog()
SECTION = re.compile(r"^### (.+?)\n(.*?)Cards: (.*?)\n\n```sql\n(.*?)```", re.MULTILINE | re.DOTALL)
FIGURES = {
    title: (re.findall(r"`([a-z_]+\.[a-z_]+)`", cards), query) for title, _, cards, query in SECTION.findall(PAGE)
}
ALONE = {"Streaks", "Trust"}
"""Sections of several figures; the query is of the card that is named first."""


@pytest.fixture(scope="module")
def connection(demo: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with opened(demo / "duckdb" / "current" / "analytics.db", "Europe/Berlin") as connection:
        yield connection


def test_every_headline_figure_is_defined_once() -> None:
    defined = Counter(card for cards, _ in FIGURES.values() for card in cards)
    assert defined == Counter(key for key, card in CATALOG.cards.items() if card.kind == "number")


@pytest.mark.parametrize("title", FIGURES)
def test_a_definition_gives_what_its_cards_show(connection: duckdb.DuckDBPyConnection, title: str) -> None:
    cards, query = FIGURES[title]
    [(expected,)] = connection.execute(query).fetchall()
    assert expected is not None
    for key in cards[:1] if title in ALONE else cards:
        rows = run_card(connection, CATALOG, CATALOG.cards[key], date_from="2000-01-01", date_to="2100-01-01").rows
        assert float(list(rows[-1].values())[-1]) == pytest.approx(float(expected)), key
