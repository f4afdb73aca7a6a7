"""Our collection in Metabase, brought in line with the files: cards, filters' lists, dashboards.

Each thing of ours ends its description with a marker: its key, and fingerprints of what we wrote and of what Metabase
made of it. Content that has neither was edited by somebody: it is copied to a collection of its own, said in the
result, and ours is put back. What carries no marker is not ours and is never touched. A run over an unchanged Metabase
sends no change.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dashboards.definitions import Catalog, Dashboard, load_catalog
from metabase import bodies
from metabase.client import Client, NotFoundError, native_sql
from metabase.dashboard_content import content_of_dashboard, place_dashcards, readable_content
from metabase.first_start import DatabaseSettings, ensure_database
from metabase.metadata import ensure_metadata

COLLECTION = "Claude Code"
ASIDE = "Edited copies"
UNWRITTEN = "0" * 10
"""The fingerprint of a dashboard that was made and has no content yet."""
MARKER = re.compile(
    r"\s*\[claude-analytics (?P<key>[a-z0-9_.:]+) (?P<wanted>[0-9a-f]{10})(?: (?P<kept>[0-9a-f]{10}))?\]\s*$"
)

Log = Callable[[str], None]


@dataclass
class ProvisionResult:
    """What a run did."""

    database: int = 0
    collection: int = 0
    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    kept_aside: list[str] = field(default_factory=list)
    retired: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """True when Metabase was not as the files say."""
        return bool(self.created or self.updated or self.kept_aside or self.retired)


def provision(
    client: Client,
    settings: DatabaseSettings,
    *,
    manifest: Path | None = None,
    catalog: Catalog | None = None,
    log: Log = lambda line: None,
) -> ProvisionResult:
    """Bring Metabase in line with the files; `manifest` is dbt's, for descriptions and keys."""
    catalog = catalog or load_catalog()
    work = _Work(client, catalog, ProvisionResult(), log)
    work.result.database = ensure_database(client, settings)
    work.result.collection = work.ensure_collection(COLLECTION, None)
    work.put_cards()
    work.put_dashboards()
    work.retire()
    if manifest is not None:
        work.result.updated += ensure_metadata(client, work.result.database, manifest)
    return work.result


@dataclass(frozen=True)
class Marker:
    """The end of a description of ours."""

    key: str
    wanted: str
    """Fingerprint of what the files said when it was written."""
    kept: str
    """Fingerprint of what Metabase kept of that; the same unless Metabase adds or drops something by itself."""


def marked(description: str, key: str, wanted: str, kept: str | None = None) -> str:
    """The description with the marker at its end."""
    return f"{description} [claude-analytics {key} {wanted}{f' {kept}' if kept else ''}]"


def marker_of(description: str | None) -> Marker | None:
    """The marker of something of ours; None for what is somebody else's."""
    found = MARKER.search(description or "")
    return Marker(found["key"], found["wanted"], found["kept"] or found["wanted"]) if found else None


def without_marker(description: str | None) -> str:
    """The description as people wrote it."""
    return MARKER.sub("", description or "")


class _Work:
    def __init__(self, client: Client, catalog: Catalog, result: ProvisionResult, log: Log) -> None:
        self.client = client
        self.catalog = catalog
        self.result = result
        self.log = log
        self.ids: dict[str, int] = {}
        self.boards: dict[str, int] = {}

    def ensure_collection(self, name: str, parent: int | None) -> int:
        for each in self.client.items(parent or "root", "collection"):
            if each["name"] == name:
                return int(each["id"])
        self.result.created.append(f"collection {name}")
        return int(self.client.post("/api/collection", {"name": name, "parent_id": parent})["id"])

    # Cards

    def put_cards(self) -> None:
        known = self._known_cards()
        for name in bodies.LISTS:
            key = f"list:{name}"
            self.ids[key] = self._put_card(key, bodies.list_body(name, self.result.database), known.get(key))
        for key, card in self.catalog.cards.items():
            body = bodies.card_body(self.catalog, key, card, self.result.database)
            self.ids[key] = self._put_card(key, body, known.get(key))

    def _card_keys(self) -> list[str]:
        return [*(f"list:{name}" for name in bodies.LISTS), *self.catalog.cards]

    def _known_cards(self) -> dict[str, int]:
        """Ids by key, wherever somebody moved the card, and also from the trash."""
        wanted = {bodies.entity_id(key): key for key in self._card_keys()}
        answer = self.client.post(
            "/api/eid-translation/translate", {"entity_ids": {"card": list(wanted)}}, changes=False
        )
        return {
            wanted[entity]: int(found["id"])
            for entity, found in answer["entity_ids"].items()
            if found.get("status") == "ok"
        }

    def _put_card(self, key: str, body: dict[str, Any], known: int | None) -> int:
        wanted = bodies.fingerprint(_card_content(body))
        body = body | {"description": marked(body["description"], key, wanted)}
        if known is None:
            self.result.created.append(f"card {key}")
            new = body | {"collection_id": self.result.collection, "entity_id": bodies.entity_id(key)}
            made = self.client.post("/api/card", new)
            self._note_what_was_kept("card", made["id"], body["description"], _card_content(made))
            return int(made["id"])
        current = self.client.get(f"/api/card/{known}")
        if _is_as_written(current, _card_content(current), wanted) and not current["archived"]:
            return known
        if _is_edited(current, _card_content(current)):
            self._keep_card(current)
        kept = self.client.put(f"/api/card/{known}", body | {"archived": False})
        self._note_what_was_kept("card", known, body["description"], _card_content(kept))
        self.result.updated.append(f"card {key}")
        return known

    def _note_what_was_kept(self, model: str, number: int, description: str, content: Any) -> None:
        """Where Metabase keeps something else than it got, remember that, or it would look like somebody's edit."""
        marker, kept = marker_of(description), bodies.fingerprint(content)
        if marker and kept != marker.wanted:
            noted = marked(without_marker(description), marker.key, marker.wanted, kept)
            self.client.put(f"/api/{model}/{number}", {"description": noted})

    def _keep_card(self, current: Mapping[str, Any]) -> None:
        fields = ("type", "display", "dataset_query", "visualization_settings")
        copy = {name: current[name] for name in fields if name in current}
        copy |= {"name": current["name"], "description": without_marker(current.get("description")) or None}
        made = self.client.post("/api/card", copy | {"collection_id": self._aside()})
        self._say_kept("card", current["name"], int(made["id"]))

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
        for board in self.catalog.dashboards:  # all of them first: cards of one lead to another
            self.boards[board.id] = known.get(board.id) or self._create_dashboard(board)
        for board in self.catalog.dashboards:
            self._put_dashboard(board)

    def _known_dashboards(self) -> dict[str, int]:
        found = {}
        for each in self.client.items(self.result.collection, "dashboard"):
            if marker := marker_of(each.get("description")):
                found[marker.key.removeprefix("dashboard:")] = int(each["id"])
        return found

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
        print_of_wanted = bodies.fingerprint(wanted)
        if _is_as_written(current, present, print_of_wanted):
            return
        body = {
            "name": board.title,
            "description": marked(board.description, f"dashboard:{board.id}", print_of_wanted),
        }
        if _is_edited(current, present) and current["dashcards"]:
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
        made = self.client.post(f"/api/dashboard/{current['id']}/copy", copy)
        self._say_kept("dashboard", current["name"], int(made["id"]))

    # What the files no longer have

    def retire(self) -> None:
        """Archive what is ours by its marker and no longer in the files; an edited one is left where it is."""
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
        if _is_edited(current, content):
            self.log(f"{model} {current['name']!r} left the files but was edited in Metabase: it stays")
            return
        self.client.put(f"/api/{model}/{number}", {"archived": True})
        self.result.retired.append(f"{model} {key}")


def _card_content(card: Mapping[str, Any]) -> dict[str, Any]:
    """What counts as an edit of a card, in a form that Metabase gives back as it got it."""
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


def _is_edited(current: Mapping[str, Any], content: Any) -> bool:
    marker = marker_of(current.get("description"))
    return (
        marker is not None
        and bodies.fingerprint(content) not in (marker.wanted, marker.kept)
        and marker.wanted != UNWRITTEN
    )


def _is_as_written(current: Mapping[str, Any], content: Any, wanted: str) -> bool:
    marker = marker_of(current.get("description"))
    return (
        marker is not None and marker.wanted == wanted and bodies.fingerprint(content) in (marker.wanted, marker.kept)
    )
