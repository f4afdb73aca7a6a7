"""Cards and dashboards in the stand-in: what Metabase checks when they are saved, and what it gives back."""

import copy
import json
import secrets
import string
from typing import Any

from tests.standin_metabase.state import RefusedError, State, check_tags

_ALPHABET = string.ascii_letters + string.digits + "_-"
_CARD_KEYS = {
    "dataset_query",
    "description",
    "display",
    "name",
    "visualization_settings",
    "parameters",
    "parameter_mappings",
    "collection_id",
    "collection_position",
    "cache_ttl",
    "type",
    "dashboard_id",
}
_KINDS = {"card": "cards", "dashboard": "dashboards", "collection": "collections"}


def create_card(state: State, body: dict[str, Any]) -> dict[str, Any]:
    """Keep what `create-card!` selects (`queries/models/card.clj`): it makes the `entity_id` itself."""
    _check_card(state, body)
    number = state.new_id()
    kept = {"id": number, "archived": False, "collection_id": None, "description": None, "type": "question"}
    kept |= {key: value for key, value in copy.deepcopy(body).items() if key in _CARD_KEYS}
    kept |= {"entity_id": nano_id(), "database_id": body["dataset_query"]["database"]}
    state.cards[number] = _as_kept(kept)
    return state.cards[number]


def copy_card(state: State, number: int) -> dict[str, Any]:
    """Copy a card with its description, and with it the marker that somebody may have put there."""
    original = state.find("cards", number)
    return create_card(state, {**original, "name": f"Copy of {original['name']}"})


def nano_id() -> str:
    """A random identity of 21 characters."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(21))


def update_card(state: State, number: int, body: dict[str, Any]) -> dict[str, Any]:
    card = state.find("cards", number)
    _check_card(state, {**card, **body})
    # As `update-card!` does: only these may become null.
    given = {key: value for key, value in body.items() if value is not None or key in ("collection_id", "description")}
    card.update(_as_kept(copy.deepcopy({"display": card["display"], **given})))
    card["database_id"] = card["dataset_query"]["database"]
    return card


def _as_kept(card: dict[str, Any]) -> dict[str, Any]:
    """A setting that Metabase adds to tables by itself: what one reads back need not be what one wrote."""
    if card.get("display") == "table" and "visualization_settings" in card:
        card["visualization_settings"].setdefault("table.row_index", False)
    return card


def _check_card(state: State, card: dict[str, Any]) -> None:
    state.find("databases", card["dataset_query"]["database"])
    check_tags(card["dataset_query"]["stages"][0])
    if card.get("collection_id") is not None:
        state.find("collections", card["collection_id"])
    for key in card["visualization_settings"].get("column_settings", {}):
        kind, name = json.loads(key)
        if kind != "name" or not name:
            raise RefusedError(400, f"column_settings: {key} names no column")


def create_dashboard(state: State, body: dict[str, Any]) -> dict[str, Any]:
    number = state.new_id()
    fields = {"description": None, "parameters": [], "collection_id": None, **copy.deepcopy(body)}
    state.dashboards[number] = {"id": number, "archived": False, "dashcards": [], "tabs": [], **fields}
    return state.dashboards[number]


def update_dashboard(state: State, number: int, body: dict[str, Any]) -> dict[str, Any]:
    """Replace what is given; dashcards, tabs and parameters whole, as Metabase does."""
    board = state.find("dashboards", number)
    after = {**board, **copy.deepcopy(body)}
    if body.get("tabs") and any(card.get("dashboard_tab_id") is None for card in body.get("dashcards") or ()):
        raise RefusedError(400, "This dashboard has tab, makes sure every card has a tab")
    tabs = _real_tabs(state, board, after["tabs"]) if body.get("tabs") is not None else {}
    if body.get("dashcards") is not None:
        after["dashcards"] = [_real_dashcard(state, after, tabs, board, card) for card in after["dashcards"]]
    _check_no_overlap(after["dashcards"])
    board.update(after)
    return board


def _real_tabs(state: State, board: dict[str, Any], tabs: list[dict[str, Any]]) -> dict[int, int]:
    known = {tab["id"] for tab in board["tabs"]}
    ids = {}
    for position, tab in enumerate(tabs):
        if tab["id"] > 0 and tab["id"] not in known:
            raise RefusedError(400, f"tab {tab['id']} is not on this dashboard")
        ids[tab["id"]] = tab["id"] if tab["id"] > 0 else state.new_id()
        tab |= {"id": ids[tab["id"]], "position": position}
    return ids


def _real_dashcard(
    state: State, board: dict[str, Any], tabs: dict[int, int], before: dict[str, Any], card: dict[str, Any]
) -> dict[str, Any]:
    if card["col"] + card["size_x"] > 24:
        raise RefusedError(400, f"dashcard {card['id']} leaves the grid of 24 columns")
    if card["id"] > 0 and card["id"] not in {dashcard["id"] for dashcard in before["dashcards"]}:
        raise RefusedError(400, f"dashcard {card['id']} is not on this dashboard")
    if card.get("dashboard_tab_id") is not None:
        card["dashboard_tab_id"] = tabs.get(card["dashboard_tab_id"], card["dashboard_tab_id"])
        if card["dashboard_tab_id"] not in {tab["id"] for tab in board["tabs"]}:
            raise RefusedError(400, f"dashcard {card['id']} names a tab that is not there")
    _check_mappings(state, board, card)
    return {**card, "id": card["id"] if card["id"] > 0 else state.new_id()}


def _check_mappings(state: State, board: dict[str, Any], card: dict[str, Any]) -> None:
    shown = state.find("cards", card["card_id"])
    tags = shown["dataset_query"]["stages"][0].get("template-tags") or {}
    parameters = {parameter["id"] for parameter in board["parameters"]}
    for mapping in card.get("parameter_mappings") or []:
        tag = mapping["target"][1][1]
        if mapping["parameter_id"] not in parameters or tag not in tags:
            raise RefusedError(400, f"mapping of {mapping['parameter_id']!r} to tag {tag!r} leads nowhere")


def _check_no_overlap(cards: list[dict[str, Any]]) -> None:
    seen: set[tuple[Any, int, int]] = set()
    for card in cards:
        cells = {
            (card.get("dashboard_tab_id"), row, col)
            for row in range(card["row"], card["row"] + card["size_y"])
            for col in range(card["col"], card["col"] + card["size_x"])
        }
        if cells & seen:
            raise RefusedError(400, f"dashcard {card['id']} lies over another")
        seen |= cells


def copy_dashboard(state: State, number: int, body: dict[str, Any]) -> dict[str, Any]:
    original = copy.deepcopy(state.find("dashboards", number))
    number = state.new_id()
    state.dashboards[number] = {**original, **body, "id": number}
    return state.dashboards[number]


def collection_items(state: State, collection: str, models: list[str]) -> list[dict[str, Any]]:
    """What lies in a collection and is not archived, as far as the listing tells of it."""
    parent = None if collection == "root" else int(collection)
    found = []
    for model in models or list(_KINDS):
        field = "parent_id" if model == "collection" else "collection_id"
        held = [item for item in getattr(state, _KINDS[model]).values() if item.get(field) == parent]
        found += [{**_listed(item), "model": model} for item in held if not item["archived"]]
    return found


def _listed(item: dict[str, Any]) -> dict[str, Any]:
    return {key: item.get(key) for key in ("id", "name", "description", "entity_id")}
