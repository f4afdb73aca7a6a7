"""A dashboard's content in a form that can be compared: as the files want it, and as Metabase gives it back."""

from collections.abc import Mapping
from typing import Any

from dashboards.definitions import Catalog, Dashboard
from metabase import bodies

_PARAMETER = (
    "id",
    "name",
    "slug",
    "type",
    "sectionId",
    "values_query_type",
    "values_source_type",
    "values_source_config",
)
_PLACE = ("card_id", "row", "col", "size_x", "size_y")
_GRID = tuple[int, int, int]


def content_of_dashboard(
    catalog: Catalog, board: Dashboard, ids: Mapping[str, int], lists: Mapping[str, int], sessions_dashboard: int
) -> dict[str, Any]:
    """What the files want: name, filters, and for each tab its cards in their places."""
    return {
        "name": board.title,
        "parameters": bodies.parameters(board, lists),
        "tabs": [
            {
                "name": tab.name,
                "cards": sorted(bodies.dashcards(catalog, board, tab, ids, sessions_dashboard), key=_by_place),
            }
            for tab in board.tabs
        ],
    }


def readable_content(current: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same of a dashboard in Metabase, without what Metabase adds."""
    tabs = sorted(current.get("tabs") or [], key=lambda tab: tab.get("position", 0))
    held: dict[int | None, list[dict[str, Any]]] = {}
    for card in current["dashcards"]:
        held.setdefault(card.get("dashboard_tab_id"), []).append(_dashcard(card))
    named = [(tab["name"], held.get(tab["id"], [])) for tab in tabs] or [("", held.get(None, []))]
    return {
        "name": current["name"],
        "parameters": [
            {key: value for key, value in parameter.items() if key in _PARAMETER and value is not None}
            for parameter in current.get("parameters") or []
        ],
        "tabs": [{"name": name, "cards": sorted(cards, key=_by_place)} for name, cards in named],
    }


def place_dashcards(wanted: Mapping[str, Any], current: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of an update: places and tabs that exist keep their ids, new ones get negative ones."""
    tabs = {tab["name"]: tab["id"] for tab in current.get("tabs") or []}
    places = {card["card_id"]: card["id"] for card in current["dashcards"]}
    made_tabs: list[dict[str, Any]] = []
    made_cards: list[dict[str, Any]] = []
    for position, tab in enumerate(wanted["tabs"], start=1):
        tab_id = tabs.get(tab["name"], -position)
        made_tabs.append({"id": tab_id, "name": tab["name"]})
        for card in tab["cards"]:
            number = places.get(card["card_id"], -len(made_cards) - 1)
            made_cards.append({"id": number, "dashboard_tab_id": tab_id, **card})
    return {"parameters": wanted["parameters"], "tabs": made_tabs, "dashcards": made_cards}


def _dashcard(card: Mapping[str, Any]) -> dict[str, Any]:
    mappings = [
        {key: mapping[key] for key in ("parameter_id", "card_id", "target")}
        for mapping in card.get("parameter_mappings") or []
    ]
    return {
        **{key: card[key] for key in _PLACE},
        "parameter_mappings": mappings,
        "visualization_settings": card.get("visualization_settings") or {},
    }


def _by_place(card: Mapping[str, Any]) -> _GRID:
    return card["row"], card["col"], card["card_id"] or 0
