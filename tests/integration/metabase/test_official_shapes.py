"""Our request bodies against the schemas that Metabase's own command line prints, where that is installed.

To run them: `npm install --prefix /tmp/mb @metabase/cli`, then pytest with METABASE_CLI=/tmp/mb/node_modules/.bin/mb.
"""

import json
import os
import subprocess
from typing import Any

import jsonschema
import pytest

from dashboards.definitions import Catalog, load_catalog
from metabase import bodies
from metabase.dashboard_content import content_of_dashboard, place_dashcards

CLI = os.environ.get("METABASE_CLI", "")
pytestmark = pytest.mark.skipif(not CLI, reason="METABASE_CLI names no `mb` command; see the top of the file")


def _printed(*arguments: str) -> dict[str, Any]:
    answer = subprocess.run([CLI, *arguments], capture_output=True, text=True, check=True)
    shapes: dict[str, Any] = json.loads(answer.stdout)
    return shapes


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


def test_every_card_is_one_that_metabase_documents(catalog: Catalog) -> None:
    validator = jsonschema.Draft202012Validator(_printed("card", "create", "--help", "--json")["inputSchema"])
    for key, card in catalog.cards.items():
        body = bodies.card_body(catalog, key, card, 1) | {"collection_id": 2}
        assert list(validator.iter_errors(body)) == [], key


def test_every_query_is_one_that_metabase_documents(catalog: Catalog) -> None:
    validator = jsonschema.Draft202012Validator(_printed("query", "--print-schema"))
    for key, card in catalog.cards.items():
        query = bodies.card_body(catalog, key, card, 1)["dataset_query"]
        assert list(validator.iter_errors(query)) == [], key


def test_every_dashboard_is_one_that_metabase_documents(catalog: Catalog) -> None:
    validator = jsonschema.Draft202012Validator(_printed("dashboard", "update", "--help", "--json")["inputSchema"])
    ids = {key: number for number, key in enumerate(catalog.cards, start=1)}
    for board in catalog.dashboards:
        wanted = content_of_dashboard(catalog, board, ids, dict.fromkeys(bodies.LISTS, 9), 4)
        body = {"name": board.title, **place_dashcards(wanted, {"tabs": [], "dashcards": []})}
        assert list(validator.iter_errors(body)) == [], board.id
