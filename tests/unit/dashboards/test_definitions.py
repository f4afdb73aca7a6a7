"""The dashboards' files: what is in them is right, and what is wrong is refused with its place."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards import exposures
from dashboards.card_sql import card_sql, tags_of
from dashboards.definitions import Catalog, DefinitionError, load_catalog

ROOT = Path(__file__).resolve().parent.parent.parent.parent
MARTS = {path.stem for path in (ROOT / "dbt" / "models" / "marts").glob("**/*.sql")}


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one dataset and one dashboard, both right."""
    dataset = {
        "marts": ["fct_messages"],
        "grain": "one row per day",
        "sql": "select 1",
        "columns": {"day": "day", "n": "number"},
    }
    (tmp_path / "datasets.yaml").write_text(yaml.safe_dump({"datasets": {"facts": dataset}}))
    _write(tmp_path, [_card("one")])
    return tmp_path


def _card(name: str, **more: Any) -> dict[str, Any]:
    place = {"col": 0, "row": 0, "width": 6, "height": 3}
    value = {"n": {"of": "sum(n)", "label": "N"}}
    texts = {"title": "A title", "description": "What it shows.", "empty": "Nothing to show."}
    return {"id": name, "kind": "number", "dataset": "facts", "values": value, "place": place, **texts, **more}


def _write(folder: Path, cards: list[dict[str, Any]]) -> None:
    board = {
        "id": "board",
        "position": 1,
        "title": "Board",
        "description": "A dashboard for this test.",
        "parameters": ["date_from"],
        "tabs": [{"name": "Tab", "cards": cards}],
    }
    (folder / "board.yaml").write_text(yaml.safe_dump(board))


def test_every_dashboard_of_the_product_is_there(catalog: Catalog) -> None:
    titles = [board.title for board in catalog.dashboards]
    figures = ["Overview", "Cost and tokens", "Insights", "Projects", "Sessions", "Tools and MCP", "Code", "Rhythm"]
    assert titles == [*figures, "Budgets", "Team", "Trust"]


def test_every_card_names_marts_that_dbt_builds(catalog: Catalog) -> None:
    named = {mart for card in catalog.cards.values() for mart in catalog.marts_of(card)}
    assert named - MARTS == set()


def test_every_statement_reads_the_marts_it_names_and_no_other_schema(catalog: Catalog) -> None:
    """Cards read marts alone; what a card names is what it reads, but for the period's own two."""
    for key, card in catalog.cards.items():
        sql = card_sql(catalog, card)
        assert not re.search(r"\b(raw|staging|intermediate|seeds)\.", sql), key
        read = set(re.findall(r"\bmarts\.(\w+)", sql))
        assert read - {"agg_daily_summary", "dim_date"} == set(catalog.marts_of(card)) - {
            "agg_daily_summary",
            "dim_date",
        }, key


def test_every_filter_of_a_dashboard_reaches_one_of_its_cards(catalog: Catalog) -> None:
    for board in catalog.dashboards:
        taken = {tag for card in board.cards for tag in tags_of(card_sql(catalog, card))}
        assert set(board.parameters) <= taken, board.id


def test_dbt_knows_what_each_dashboard_reads(catalog: Catalog) -> None:
    assert exposures.TARGET.read_text(encoding="utf-8") == exposures.exposures(catalog), (
        "run python -m dashboards.exposures"
    )


def test_a_folder_that_follows_the_rules_loads(folder: Path) -> None:
    assert list(load_catalog(folder).cards) == ["board.one"]


@pytest.mark.parametrize(
    ("cards", "said"),
    [
        ([_card("one", colour="red")], "Extra inputs"),
        ([_card("one", values={"n": {"of": "sum(n) + 1", "label": "N"}})], "expected count"),
        ([_card("one", values={"n": {"of": "sum(m)", "label": "N"}})], "m is no column of facts"),
        ([_card("one", dataset="figures")], "'figures' is not in datasets.yaml"),
        ([_card("one", place={"col": 20, "row": 0, "width": 6, "height": 3})], "the grid has 24 columns"),
        ([_card("one"), _card("two")], "one and two overlap"),
        ([_card("one"), _card("one", place={"col": 6, "row": 0, "width": 6, "height": 3})], "share an id"),
        ([_card("one", sort="-m")], "neither a column nor a value"),
        ([_card("one", kind="bar", dataset=None, sql="select 1")], "give either|sql needs marts"),
    ],
)
def test_a_wrong_card_is_refused_with_its_place(folder: Path, cards: list[dict[str, Any]], said: str) -> None:
    _write(folder, cards)
    with pytest.raises(DefinitionError, match=said):
        load_catalog(folder)


def test_a_key_given_twice_is_refused_with_its_line(folder: Path) -> None:
    """YAML itself would keep the second and lose the first in silence."""
    file = folder / "board.yaml"
    file.write_text(file.read_text() + "title: Again\n")
    with pytest.raises(DefinitionError, match="'title' is given twice"):
        load_catalog(folder)
