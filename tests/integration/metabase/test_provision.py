"""Provisioning against the stand-in, which keeps state and refuses what Metabase would refuse."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dashboards.definitions import Catalog, load_catalog
from metabase.client import Client, MetabaseError, native_query
from metabase.first_start import DatabaseSettings, connect, ensure_database
from metabase.marker import marked, marker_of, without_marker
from metabase.provision import ASIDE, ProvisionResult, provision
from tests.integration.metabase.conftest import PASSWORD, USER
from tests.standin_metabase.drawing import pivot_order, trend


@pytest.fixture
def manifest(demo: Path) -> Path:
    found = sorted(demo.glob("**/manifest.json"))
    assert found, "the demo's dbt left no manifest"
    return found[0]


def _cards(client: Client) -> dict[str, list[dict[str, Any]]]:
    """The cards that carry a marker, by its key."""
    [database] = client.get("/api/database")["data"]
    found: dict[str, list[dict[str, Any]]] = {}
    for card in client.get("/api/card", f="database", model_id=database["id"]):
        if marker := marker_of(card["description"]):
            found.setdefault(marker.key, []).append(card)
    return found


def _card(client: Client, key: str) -> dict[str, Any]:
    [card] = _cards(client)[key]
    return card


def _aside(client: Client, done: ProvisionResult, model: str) -> list[str]:
    [folder] = [item for item in client.items(done.collection, "collection") if item["name"] == ASIDE]
    return [item["name"] for item in client.items(folder["id"], model)]


def test_a_second_and_a_third_run_send_no_change(client: Client, settings: DatabaseSettings, manifest: Path) -> None:
    first = provision(client, settings, manifest=manifest)
    assert first.changed
    for _ in range(2):
        client.writes.clear()
        again = provision(client, settings, manifest=manifest)
        assert (client.writes, again.changed) == ([], False)


def test_three_runs_make_each_card_once(client: Client, settings: DatabaseSettings) -> None:
    """Metabase assigns ids itself, so that a card cannot be found by an id that we sent."""
    for _ in range(3):
        provision(client, settings)
    cards = _cards(client)
    for key in load_catalog().cards:
        assert len(cards[key]) == 1, key


def test_every_dashboard_has_its_tabs_filters_and_cards_in_place(furnished: Client, done: ProvisionResult) -> None:
    catalog = load_catalog()
    found = {
        item["name"]: furnished.get(f"/api/dashboard/{item['id']}")
        for item in furnished.items(done.collection, "dashboard")
    }
    for board in catalog.dashboards:
        dashboard = found[board.title]
        assert [tab["name"] for tab in dashboard["tabs"]] == [tab.name for tab in board.tabs]
        assert [parameter["id"] for parameter in dashboard["parameters"]] == list(board.parameters)
        assert len(dashboard["dashcards"]) == len(board.cards)


def test_every_card_answers_with_its_filters_set(furnished: Client) -> None:
    """The statement that Metabase stores runs in the file that Metabase opens."""
    values = {"date_from": "2000-01-01", "date_to": "2100-01-01", "project": "none of these"}
    cards = _cards(furnished)
    for key in load_catalog().cards:
        [card] = cards[key]
        tags = card["dataset_query"]["stages"][0].get("template-tags") or {}
        given = [_given(name, value) for name, value in values.items() if name in tags]
        for parameters in ([], given):
            answer = furnished.post(f"/api/card/{card['id']}/query", {"parameters": parameters}, changes=False)
            assert answer["status"] == "completed", (key, answer.get("error"))


def _given(name: str, value: str) -> dict[str, Any]:
    kind = "date/single" if name.startswith("date") else "string/="
    return {"type": kind, "target": ["variable", ["template-tag", name]], "value": value}


def test_a_card_changed_by_hand_survives_beside_ours(furnished: Client, settings: DatabaseSettings) -> None:
    ours = _card(furnished, "overview.cost")
    furnished.put(f"/api/card/{ours['id']}", {"name": "My cost", "display": "line"})
    said: list[str] = []
    done = provision(furnished, settings, log=said.append)
    assert _card(furnished, "overview.cost")["name"] == ours["name"]
    assert _aside(furnished, done, "card") == ["My cost"]
    assert len(said) == 1
    assert "'My cost' was edited in Metabase" in said[0]
    furnished.writes.clear()
    assert not provision(furnished, settings).changed
    assert furnished.writes == []


def test_a_card_whose_description_was_replaced_is_kept_aside_and_not_made_twice(
    furnished: Client, settings: DatabaseSettings
) -> None:
    ours = _card(furnished, "trust.models")
    furnished.put(f"/api/card/{ours['id']}", {"description": "What I think of it."})
    done = provision(furnished, settings)
    assert (done.created, done.kept_aside) == ([f"collection {ASIDE}"], [f"card {ours['name']}"])
    assert furnished.get(f"/api/card/{ours['id']}")["description"] == ours["description"]


def test_a_copy_that_somebody_made_of_a_card_of_ours_is_theirs(furnished: Client, settings: DatabaseSettings) -> None:
    """Metabase copies the description with the marker in it."""
    ours = _card(furnished, "overview.cost")
    theirs = furnished.post(f"/api/card/{ours['id']}/copy")
    furnished.writes.clear()
    assert not provision(furnished, settings).changed
    assert furnished.writes == []
    assert furnished.get(f"/api/card/{theirs['id']}")["archived"] is False


def test_cards_that_an_earlier_version_made_again_and_again_are_archived(
    furnished: Client, settings: DatabaseSettings
) -> None:
    ours = _card(furnished, "overview.cost")
    again = {key: ours[key] for key in ("name", "display", "dataset_query", "visualization_settings", "description")}
    second = furnished.post("/api/card", again | {"collection_id": ours["collection_id"]})
    furnished.put(f"/api/card/{second['id']}", {"visualization_settings": ours["visualization_settings"]})
    done = provision(furnished, settings)
    assert done.retired == [f"second card {ours['name']}"]
    assert _card(furnished, "overview.cost")["id"] == ours["id"]
    assert not provision(furnished, settings).changed


def test_a_dashboard_changed_by_hand_survives_beside_ours(
    furnished: Client, done: ProvisionResult, settings: DatabaseSettings
) -> None:
    [board] = [item for item in furnished.items(done.collection, "dashboard") if item["name"] == "Rhythm"]
    before = furnished.get(f"/api/dashboard/{board['id']}")
    tabs = [{"id": tab["id"], "name": tab["name"]} for tab in before["tabs"]]
    fewer = {"parameters": before["parameters"], "tabs": tabs, "dashcards": before["dashcards"][:2]}
    furnished.put(f"/api/dashboard/{board['id']}", fewer)
    again = provision(furnished, settings)
    assert again.kept_aside == ["dashboard Rhythm"]
    assert _aside(furnished, again, "dashboard") == ["Rhythm"]
    assert len(furnished.get(f"/api/dashboard/{board['id']}")["dashcards"]) == len(before["dashcards"])


def test_what_somebody_else_made_in_our_collection_is_never_touched(
    furnished: Client, done: ProvisionResult, settings: DatabaseSettings
) -> None:
    theirs = furnished.post(
        "/api/card",
        {
            "name": "Theirs",
            "display": "table",
            "dataset_query": native_query(done.database, "select 1 as one"),
            "visualization_settings": {},
            "collection_id": done.collection,
        },
    )
    provision(furnished, settings)
    assert furnished.get(f"/api/card/{theirs['id']}") == theirs


def test_a_card_that_left_the_files_is_archived(furnished: Client, settings: DatabaseSettings) -> None:
    catalog = load_catalog()
    [*kept, trust] = catalog.dashboards
    done = provision(furnished, settings, catalog=Catalog(catalog.datasets, tuple(kept)))
    assert f"dashboard dashboard:{trust.id}" in done.retired
    assert "card trust.lines" in done.retired


def test_a_card_in_the_trash_comes_back(furnished: Client, settings: DatabaseSettings) -> None:
    card = _card(furnished, "trust.models")
    furnished.put(f"/api/card/{card['id']}", {"archived": True})
    provision(furnished, settings)
    assert _card(furnished, "trust.models")["archived"] is False


def test_a_changed_database_detail_is_corrected(
    furnished: Client, done: ProvisionResult, settings: DatabaseSettings
) -> None:
    """Also one that somebody changed by hand: a writable connection would lock the pipeline out."""
    ensure_database(furnished, replace(settings, memory_limit="9GB"))
    provision(furnished, settings)
    assert furnished.get(f"/api/database/{done.database}")["details"]["memory_limit"] == settings.memory_limit


def test_descriptions_and_keys_of_dbt_reach_metabase(
    client: Client, settings: DatabaseSettings, manifest: Path
) -> None:
    done = provision(client, settings, manifest=manifest)
    tables = client.get(f"/api/database/{done.database}/metadata")["tables"]
    fields = {(table["name"], field["name"]): field for table in tables for field in table["fields"]}
    described = json.loads(manifest.read_bytes())["nodes"]["model.claude_analytics.fct_api_requests"]
    assert {table["name"]: table for table in tables}["fct_api_requests"]["description"] == described["description"]
    assert fields["fct_api_requests", "request_key"]["semantic_type"] == "type/PK"
    assert fields["fct_api_requests", "cost_usd"]["semantic_type"] == "type/Currency"
    foreign = fields["fct_tool_calls", "session_id"]
    assert (foreign["semantic_type"], foreign["fk_target_field_id"]) == (
        "type/FK",
        fields["dim_sessions", "session_id"]["id"],
    )


def test_every_thing_of_ours_carries_its_marker(furnished: Client, done: ProvisionResult) -> None:
    for model in ("card", "dashboard"):
        items = furnished.items(done.collection, model)
        assert items
        assert [item["name"] for item in items if not marker_of(item["description"])] == []


def test_a_dashboard_whose_description_was_replaced_is_not_made_twice(
    furnished: Client, done: ProvisionResult, settings: DatabaseSettings
) -> None:
    [board] = [item for item in furnished.items(done.collection, "dashboard") if item["name"] == "Rhythm"]
    furnished.put(f"/api/dashboard/{board['id']}", {"description": "Mine now."})
    again = provision(furnished, settings)
    assert again.kept_aside == ["dashboard Rhythm"]
    names = [item["name"] for item in furnished.items(done.collection, "dashboard")]
    assert sorted(names) == sorted(board.title for board in load_catalog().dashboards)


def test_a_fingerprint_of_an_earlier_release_is_replaced_without_a_copy(
    furnished: Client, settings: DatabaseSettings
) -> None:
    """What nobody edited follows the files."""
    ours = _card(furnished, "overview.cost")
    marker = marker_of(ours["description"])
    assert marker
    older = marked(without_marker(ours["description"]), marker.key, "a" * 10, marker.kept)
    furnished.put(f"/api/card/{ours['id']}", {"description": older})
    done = provision(furnished, settings)
    assert (done.updated, done.kept_aside) == (["card overview.cost"], [])


def test_a_heatmap_has_its_days_and_hours_in_their_order(furnished: Client) -> None:
    card = _card(furnished, "rhythm.hours")
    answer = furnished.post(f"/api/card/{card['id']}/query", {"parameters": []}, changes=False)
    names = [column["name"] for column in answer["data"]["cols"]]
    hour, day = names.index(card["visualization_settings"]["table.pivot_column"]), names.index("Weekday")
    assert pivot_order(answer["data"]["rows"], hour, day) == [f"{number:02}" for number in range(24)]
    assert pivot_order(answer["data"]["rows"], day, hour) == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


def test_a_trend_names_no_month_and_an_empty_period_is_not_the_one_before(furnished: Client, published: Path) -> None:
    with duckdb.connect(published, read_only=True) as connection:
        [(last,)] = connection.execute("select max(full_date) from marts.dim_date where year < 2100").fetchall()
    card = _card(furnished, "overview.sessions")
    for given, empty in (([], False), ([_given("date_from", "2090-01-01"), _given("date_to", "2090-01-30")], True)):
        answer = furnished.post(f"/api/card/{card['id']}/query", {"parameters": given}, changes=False)
        rows = [[date.fromisoformat(row[0]), *row[1:]] for row in answer["data"]["rows"]]
        shown = trend([column["name"] for column in answer["data"]["cols"]], rows, card["visualization_settings"])
        assert shown["unit"] is None
        assert shown["against"] == "vs. the same number of days before"
        assert (shown["value"] == 0) == empty
        assert (shown["date"] > last) == empty


def test_a_wrong_password_is_refused_in_one_line(client: Client, metabase_url: str) -> None:
    """The first user exists by now, so there is nothing to set up and nothing to guess."""
    with pytest.raises(MetabaseError, match=r"POST /api/session: Metabase answered 401") as caught:
        connect(metabase_url, USER, PASSWORD + "x", wait_seconds=10)
    assert PASSWORD not in str(caught.value)
