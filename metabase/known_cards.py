"""Identifies our cards in Metabase: by the marker, also in other collections; else by name in our collection."""

from collections.abc import Iterable, Mapping
from typing import Any

from metabase.client import Client
from metabase.marker import marker_of

CardRow = Mapping[str, Any]


def list_cards(client: Client, database: int) -> list[CardRow]:
    """Return every card over this database, those in the trash last, the oldest of each first."""
    live = client.get("/api/card", f="database", model_id=database)
    trashed = [card for card in client.get("/api/card", f="archived") if card.get("database_id") == database]
    return [*sorted(live, key=_number), *sorted(trashed, key=_number)]


def _number(card: CardRow) -> int:
    return int(card["id"])


def match_cards(cards: Iterable[CardRow], titles: Mapping[str, str], collection: int) -> dict[str, int]:
    """Find the card of each key.

    Copies by users have our marker, too: the oldest card is ours. A card without a marker, because its description was
    replaced or an early version created it, is found by its name; several with one name are matched in order.

    Args:
        cards: as `list_cards` returns them.
        titles: the name of the card of each key.
        collection: ours.

    Returns:
        Ids by key; a key without a card is missing.
    """
    found: dict[str, int] = {}
    rest = []
    for card in cards:
        marker = marker_of(card.get("description"))
        if marker is None:
            rest.append(card)
        elif marker.key in titles:
            found.setdefault(marker.key, int(card["id"]))
    return _by_name(rest, {key: title for key, title in titles.items() if key not in found}, collection) | found


def _by_name(cards: Iterable[CardRow], missing: Mapping[str, str], collection: int) -> dict[str, int]:
    keys: dict[str, list[str]] = {}
    for key, title in missing.items():
        keys.setdefault(title, []).append(key)
    found: dict[str, int] = {}
    for card in cards:
        if not card["archived"] and card["collection_id"] == collection and keys.get(card["name"]):
            found[keys[card["name"]].pop(0)] = int(card["id"])
    return found


def spare_cards(cards: Iterable[CardRow], used: Mapping[str, int], collection: int) -> list[CardRow]:
    """List further cards in our collection with the marker of a card that is matched already."""
    ours = set(used.values())
    return [
        card
        for card in cards
        if not card["archived"]
        and card["collection_id"] == collection
        and card["id"] not in ours
        and (marker := marker_of(card.get("description")))
        and marker.key in used
    ]
