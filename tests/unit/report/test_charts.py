"""Chart specifications: what Vega-Lite takes, and the colours that mean the same on every card."""

import pytest

from dashboards.definitions import Catalog, load_catalog
from dashboards.palette import DARK, LIGHT, in_dark, places
from report.charts import folds, has_chart, specification
from report.vega import Vega


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


def test_vega_lite_takes_the_specification_of_every_card(catalog: Catalog) -> None:
    """It compiles, draws marks from the card's rows, and has the axes that the card names."""
    for key, card in catalog.cards.items():
        if has_chart(card):
            chart = Vega().chart(specification(card, catalog.columns_of(card), ["a", "b"]))
            assert next(source["name"] for source in chart["data"]) == "rows", key
            assert {scale["name"] for scale in chart["scales"]} >= {"x", "y"}, key
            assert chart["marks"], key


def test_a_kind_of_token_has_one_colour_on_every_card(catalog: Catalog) -> None:
    seen: dict[str, set[str]] = {}
    for card in catalog.cards.values():
        if has_chart(card) and folds(card):
            scale = specification(card, catalog.columns_of(card), [])["encoding"]["color"]["scale"]
            for label, colour in zip(scale["domain"], scale["range"], strict=True):
                seen.setdefault(label, set()).add(colour)
    tokens = {label: seen[label] for label in ("Cache reads", "Cache writes", "Input", "Output")}
    assert {label: len(colours) for label, colours in tokens.items()} == dict.fromkeys(tokens, 1)
    assert len(set.union(*tokens.values())) == len(tokens)


def test_other_series_take_the_colours_in_order() -> None:
    assert places(["Added", "Removed"]) == [0, 1]
    assert places([str(number) for number in range(len(LIGHT) + 1)])[-1] == 0


def test_the_dark_scheme_replaces_each_colour_once() -> None:
    """One colour is in both palettes, so replacing one after the other would replace it twice."""
    assert in_dark(" ".join(LIGHT)) == " ".join(DARK)
    assert in_dark("#123456") == "#123456"
