"""Updates our collection in Metabase to the files: cards, filters' lists, dashboards.

Our objects are identified by their markers (`metabase/marker.py`). If the content is neither what we wrote nor what
Metabase stored of it, a user has edited it: it is copied to a separate collection, reported in the result and in the
log, and ours is restored. Other objects are never changed. A run over an unchanged Metabase sends no change.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dashboards.definitions import Catalog, Dashboard, load_catalog
from metabase import bodies
from metabase.client import Client, NotFoundError, native_sql
from metabase.dashboard_content import content_of_dashboard, place_dashcards, readable_content
from metabase.first_start import DatabaseSettings, ensure_database
from metabase.known_cards import CardRow, list_cards, match_cards, spare_cards
from metabase.marker import UNWRITTEN, fingerprint, is_as_written, is_edited, marked, marker_of, without_marker
from metabase.metadata import Log, ensure_metadata

COLLECTION = "Claude Code"
ASIDE = "Edited copies"


@dataclass
class ProvisionResult:
    """The result of a run."""

    database: int = 0
    collection: int = 0
    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    kept_aside: list[str] = field(default_factory=list)
    retired: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether Metabase differed from the files."""
        return bool(self.created or self.updated or self.kept_aside or self.retired)


def provision(
    client: Client,
    settings: DatabaseSettings,
    *,
    manifest: Path | None = None,
    catalog: Catalog | None = None,
    log: Log = lambda line: None,
) -> ProvisionResult:
    """Update Metabase to the files; `manifest` is dbt's, for descriptions and keys.

    The database file is read for its columns: it must have the same path here and in Metabase.
    """
    catalog = catalog or load_catalog()
    work = _Work(client, catalog, ProvisionResult(), log)
    work.result.database = ensure_database(client, settings)
    work.result.collection = work.ensure_collection(COLLECTION, None)
    work.put_cards()
    work.put_dashboards()
    work.retire()
    if manifest is not None:
        work.result.updated += ensure_metadata(client, work.result.database, manifest, Path(settings.file), log)
    return work.result


class _Work:
    def __init__(self, client: Client, catalog: Catalog, result: ProvisionResult, log: Log) -> None:
        self.client = client
        self.catalog = catalog
        self.result = result
        self.log = log
        self.ids: dict[str, int] = {}
        self.boards: dict[str, int] = {}

    def ensure_collection(self, name: str, parent: int | None) -> int:
        for item in self.client.items(parent or "root", "collection"):
            if item["name"] == name:
                return int(item["id"])
        self.result.created.append(f"collection {name}")
        return int(self.client.post("/api/collection", {"name": name, "parent_id": parent})["id"])

    # Cards

    def put_cards(self) -> None:
        cards = list_cards(self.client, self.result.database)
        bodies_by_key = self._card_bodies()
        titles = {key: body["name"] for key, body in bodies_by_key.items()}
        known = match_cards(cards, titles, self.result.collection)
        for key, body in bodies_by_key.items():
            self.ids[key] = self._put_card(key, body, known.get(key))
        self._archive_spare(spare_cards(cards, known, self.result.collection))

    def _card_bodies(self) -> dict[str, dict[str, Any]]:
        database = self.result.database
        lists = {f"list:{name}": bodies.list_body(name, database) for name in bodies.LISTS}
        return lists | {
            key: bodies.card_body(self.catalog, key, card, database) for key, card in self.catalog.cards.items()
        }

    def _card_keys(self) -> list[str]:
        return [*(f"list:{name}" for name in bodies.LISTS), *self.catalog.cards]

    def _put_card(self, key: str, body: dict[str, Any], known: int | None) -> int:
        wanted = fingerprint(_card_content(body))
        body = body | {"description": marked(body["description"], key, wanted)}
        if known is None:
            return self._create_card(key, body)
        current = self.client.get(f"/api/card/{known}")
        if is_as_written(current, _card_content(current), wanted) and not current["archived"]:
            return known
        if is_edited(current, _card_content(current)):
            self._keep_card(current)
        # A card restored from the trash may have lost its collection.
        restored = {"archived": False, "collection_id": self.result.collection} if current["archived"] else {}
        self.client.put(f"/api/card/{known}", body | restored)
        self._note_card(known, body["description"])
        self.result.updated.append(f"card {key}")
        return known

    def _create_card(self, key: str, body: dict[str, Any]) -> int:
        card = self.client.post("/api/card", body | {"collection_id": self.result.collection})
        self._note_card(card["id"], body["description"])
        self.result.created.append(f"card {key}")
        return int(card["id"])

    def _note_card(self, number: int, description: str) -> None:
        kept = self.client.get(f"/api/card/{number}")  # the next run compares with this
        self._note_what_was_kept("card", number, description, _card_content(kept))

    def _archive_spare(self, cards: list[CardRow]) -> None:
        """Archive copies that no user edited or placed: an earlier version recreated every card each time."""
        for card in cards:
            current = self.client.get(f"/api/card/{card['id']}")
            if not is_edited(current, _card_content(current)) and not self.client.get(
                f"/api/card/{card['id']}/dashboards"
            ):
                self.client.put(f"/api/card/{card['id']}", {"archived": True})
                self.result.retired.append(f"second card {card['name']}")

    def _note_what_was_kept(self, model: str, number: int, description: str, content: Any) -> None:
        """Record what Metabase stored if it differs from what was sent, so that it is not taken for a user's edit."""
        marker, kept = marker_of(description), fingerprint(content)
        if marker and kept != marker.wanted:
            noted = marked(without_marker(description), marker.key, marker.wanted, kept)
            self.client.put(f"/api/{model}/{number}", {"description": noted})

    def _keep_card(self, current: Mapping[str, Any]) -> None:
        fields = ("type", "display", "dataset_query", "visualization_settings")
        copy = {name: current[name] for name in fields if name in current}
        copy |= {"name": current["name"], "description": without_marker(current.get("description")) or None}
        kept = self.client.post("/api/card", copy | {"collection_id": self._aside()})
        self._say_kept("card", current["name"], int(kept["id"]))

    def _aside(self) -> int:
        return self.ensure_collection(ASIDE, self.result.collection)

    def _say_kept(self, kind: str, name: str, number: int) -> None:
        self.result.kept_aside.append(f"{kind} {name}")
        self.log(
            f"{kind} {name!r} was edited in Metabase: the edited one is now {kind} {number} in {ASIDE!r}, ours is back"
        )

    # Dashboards

    def put_dashboards(self) -> None:
        known = self._known_dashboards()
        for board in self.catalog.dashboards:  # all of them first: cards of one link to another
            self.boards[board.id] = known.get(board.id) or self._create_dashboard(board)
        for board in self.catalog.dashboards:
            self._put_dashboard(board)

    def _known_dashboards(self) -> dict[str, int]:
        """Find our dashboards by marker, else by name; the oldest of several is ours, the others are users' copies."""
        titles = {board.title: board.id for board in self.catalog.dashboards}
        marked_ones: dict[str, int] = {}
        named: dict[str, int] = {}
        for item in sorted(self.client.items(self.result.collection, "dashboard"), key=lambda item: int(item["id"])):
            if marker := marker_of(item.get("description")):
                marked_ones.setdefault(marker.key.removeprefix("dashboard:"), int(item["id"]))
            elif item["name"] in titles:
                named.setdefault(titles[item["name"]], int(item["id"]))
        return named | marked_ones

    def _create_dashboard(self, board: Dashboard) -> int:
        self.result.created.append(f"dashboard {board.id}")
        description = marked(board.description, f"dashboard:{board.id}", UNWRITTEN)
        body = {
            "name": board.title,
            "description": description,
            "collection_id": self.result.collection,
            "collection_position": board.position,
        }
        return int(self.client.post("/api/dashboard", body)["id"])

    def _put_dashboard(self, board: Dashboard) -> None:
        number = self.boards[board.id]
        lists = {name: self.ids[f"list:{name}"] for name in bodies.LISTS}
        wanted = content_of_dashboard(self.catalog, board, self.ids, lists, self.boards["sessions"])
        current = self.client.get(f"/api/dashboard/{number}")
        present = readable_content(current)
        print_of_wanted = fingerprint(wanted)
        if is_as_written(current, present, print_of_wanted):
            return
        body = {
            "name": board.title,
            "description": marked(board.description, f"dashboard:{board.id}", print_of_wanted),
        }
        if is_edited(current, present) and current["dashcards"]:
            self._keep_dashboard(current)
        self.client.put(f"/api/dashboard/{number}", body | place_dashcards(wanted, current))
        kept = readable_content(self.client.get(f"/api/dashboard/{number}"))
        self._note_what_was_kept("dashboard", number, body["description"], kept)
        if f"dashboard {board.id}" not in self.result.created:
            self.result.updated.append(f"dashboard {board.id}")

    def _keep_dashboard(self, current: Mapping[str, Any]) -> None:
        copy = {
            "name": current["name"],
            "description": without_marker(current.get("description")),
            "collection_id": self._aside(),
            "is_deep_copy": False,
        }
        kept = self.client.post(f"/api/dashboard/{current['id']}/copy", copy)
        self._say_kept("dashboard", current["name"], int(kept["id"]))

    # Objects that the files no longer have

    def retire(self) -> None:
        """Archive objects with our marker that are no longer in the files; edited ones are kept."""
        keys = {*self._card_keys(), *(f"dashboard:{board.id}" for board in self.catalog.dashboards)}
        for model in ("card", "dashboard"):
            for item in self.client.items(self.result.collection, model):
                marker = marker_of(item.get("description"))
                if marker and marker.key not in keys:
                    self._retire(model, int(item["id"]), marker.key)

    def _retire(self, model: str, number: int, key: str) -> None:
        try:
            current = self.client.get(f"/api/{model}/{number}")
        except NotFoundError:
            return
        content = _card_content(current) if model == "card" else readable_content(current)
        if is_edited(current, content):
            self.log(f"{model} {current['name']!r} left the files but was edited in Metabase: it stays")
            return
        self.client.put(f"/api/{model}/{number}", {"archived": True})
        self.result.retired.append(f"{model} {key}")


def _card_content(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a card whose changes count as edits, in a form that Metabase returns unchanged."""
    query = card["dataset_query"]
    stage = (query.get("stages") or [query.get("native") or {}])[0]
    tags = {name: tag.get("type") for name, tag in (stage.get("template-tags") or {}).items()}
    return {
        "name": card["name"],
        "display": card["display"],
        "sql": native_sql(query),
        "tags": tags,
        "settings": card["visualization_settings"],
    }
