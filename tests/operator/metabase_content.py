"""What an operator's Metabase holds: our collection, and what people made of it."""

from typing import Any

from metabase.client import Client
from metabase.first_start import find_database
from metabase.known_cards import list_cards
from metabase.provision import ASIDE, COLLECTION

Content = dict[str, list[str]]


def content(client: Client) -> Content:
    """Return the names of the cards and dashboards in our collection, sorted: something made twice is there twice."""
    return _names(client, _collection(client, "root", COLLECTION))


def edited_copies(client: Client) -> Content:
    """Return the same of the collection where edited ones are kept aside; nothing if it does not exist."""
    return _names(client, _collection(client, _collection(client, "root", COLLECTION), ASIDE))


def edit_a_card(client: Client, name: str) -> None:
    """Give one of our cards another name and look, as somebody does who likes it better so."""
    database = find_database(client)
    assert database is not None
    client.put(f"/api/card/{list_cards(client, database['id'])[-1]['id']}", {"name": name, "display": "table"})


def _collection(client: Client, parent: Any, name: str) -> Any:
    found = client.items(parent, "collection") if parent else []
    return next((item["id"] for item in found if item["name"] == name), None)


def _names(client: Client, collection: Any) -> Content:
    models = ("card", "dashboard")
    return {
        model: sorted(item["name"] for item in client.items(collection, model)) if collection else []
        for model in models
    }
