"""Content that a version without markers made is taken over by its names, and nothing of it is made a second time."""

from metabase.client import Client
from metabase.first_start import DatabaseSettings
from metabase.marker import marker_of, without_marker
from metabase.provision import COLLECTION, provision


def test_after_an_upgrade_nothing_of_ours_is_there_twice(client: Client, settings: DatabaseSettings) -> None:
    """A card without a marker may have been edited: it is kept once, in a separate collection."""
    first = provision(client, settings)
    for model in ("card", "dashboard"):
        for item in client.items(first.collection, model):
            client.put(f"/api/{model}/{item['id']}", {"description": without_marker(item["description"])})
    second = provision(client, settings)
    third = provision(client, settings)
    assert [name for name in second.created if not name.startswith("collection ")] == []
    assert not third.changed
    for model in ("card", "dashboard"):
        items = client.items(first.collection, model)
        keys = [marker.key for item in items if (marker := marker_of(item["description"]))]
        assert len(keys) == len(set(keys)) == len(items), f"every {model} in {COLLECTION!r} is ours, and there once"
