"""What would be sent to Metabase: each body has the shape that Metabase documents, and the same identity each time."""

import re

import jsonschema
import pytest

from dashboards.definitions import Catalog, load_catalog
from metabase import bodies
from tests.standin_metabase import shapes
from tests.standin_metabase.state import check_tags


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


def test_every_card_has_the_documented_shape(catalog: Catalog) -> None:
    for key, card in catalog.cards.items():
        body = bodies.card_body(catalog, key, card, 1) | {"collection_id": 2}
        jsonschema.validate(body, shapes.CARD_CREATE)
        check_tags(body["dataset_query"]["stages"][0])


def test_every_card_says_which_mart_its_figures_come_from(catalog: Catalog) -> None:
    for key, card in catalog.cards.items():
        assert re.search(r"Source: marts\.\w+", bodies.card_body(catalog, key, card, 1)["description"]), key


def test_every_chart_names_columns_that_its_sql_returns(catalog: Catalog) -> None:
    for key, card in catalog.cards.items():
        body = bodies.card_body(catalog, key, card, 1)
        settings, sql = body["visualization_settings"], body["dataset_query"]["stages"][0]["native"]
        named = settings.get("graph.dimensions", []) + settings.get("graph.metrics", [])
        named += [
            settings[name] for name in ("scalar.field", "table.pivot_column", "table.cell_column") if name in settings
        ]
        named += [column["name"] for column in settings.get("table.columns", [])]
        assert [name for name in named if f'as "{name}"' not in sql] == [], key


def test_every_dashboard_has_the_documented_shape(catalog: Catalog) -> None:
    ids = {key: number for number, key in enumerate(catalog.cards, start=1)}
    lists = dict.fromkeys(bodies.LISTS, 1)
    for board in catalog.dashboards:
        cards = [{"id": -1, **card} for tab in board.tabs for card in bodies.dashcards(catalog, board, tab, ids, 7)]
        body = {"name": board.title, "parameters": bodies.parameters(board, lists), "dashcards": cards}
        jsonschema.validate(body, shapes.DASHBOARD_UPDATE)
