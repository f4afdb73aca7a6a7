"""What dbt knows of the marts, told to Metabase: descriptions, keys, and what kind of figure a column holds.

A description that somebody wrote in Metabase stays; keys follow dbt, whose tests hold them.
"""

import json
import re
from pathlib import Path
from typing import Any

from metabase.client import Client, NotReadyError, until

SCHEMA = "marts"
_KINDS = (
    (re.compile(r"_usd$"), "type/Currency"),
    (re.compile(r"_url$"), "type/URL"),
    (re.compile(r"^(share|.*_rate)$"), "type/Percentage"),
    (re.compile(r"_(tokens|count)$"), "type/Quantity"),
    (re.compile(r"_ms$"), "type/Duration"),
    (
        re.compile(r"^(model|tool_name|tool_category|language|host|outcome|.*_kind|.*_type|project_name)$"),
        "type/Category",
    ),
)


def ensure_metadata(client: Client, database: int, manifest: Path) -> list[str]:
    """Bring tables and fields in line; what was changed, by name."""
    nodes = json.loads(manifest.read_bytes())["nodes"]
    models = {
        node["alias"]: node for node in nodes.values() if node["resource_type"] == "model" and node["schema"] == SCHEMA
    }
    tables = _synced_tables(client, database, set(models))
    fields = {(name, field["name"]): field for name, table in tables.items() for field in table["fields"]}
    primary, foreign = keys_of(nodes)
    changed = []
    for name in sorted(models.keys() & tables.keys()):
        changed += _ensure_table(client, tables[name], models[name])
        for column, described in models[name]["columns"].items():
            if field := fields.get((name, column)):
                wanted = _wanted_field((name, column), described, primary, foreign, fields)
                changed += _ensure_field(client, f"field {name}.{column}", field, wanted)
    return changed


def keys_of(nodes: dict[str, Any]) -> tuple[set[tuple[str, str]], dict[tuple[str, str], tuple[str, str]]]:
    """Primary keys (tested unique and not null) and foreign keys (tested relationships), as (table, column)."""
    tests: dict[str, set[tuple[str, str]]] = {"unique": set(), "not_null": set()}
    foreign = {}
    for node in nodes.values():
        test, attached = node.get("test_metadata"), node.get("attached_node")
        if node["resource_type"] != "test" or not test or attached not in nodes or not node.get("column_name"):
            continue
        at = (nodes[attached]["alias"], node["column_name"])
        if test["name"] in tests:
            tests[test["name"]].add(at)
        if test["name"] == "relationships":
            target = re.search(r"ref\('(\w+)'\)", test["kwargs"]["to"])
            if target:
                foreign[at] = (target[1], test["kwargs"]["field"])
    return tests["unique"] & tests["not_null"], foreign


def _synced_tables(client: Client, database: int, wanted: set[str]) -> dict[str, dict[str, Any]]:
    """The tables as Metabase knows them; it reads the schema on its own time, so this waits for all of them."""
    found = _tables(client, database)
    if wanted <= set(found):
        return found
    client.post(f"/api/database/{database}/sync_schema")
    return until(lambda: _all_tables(client, database, wanted), 120)


def _all_tables(client: Client, database: int, wanted: set[str]) -> dict[str, dict[str, Any]]:
    found = _tables(client, database)
    if missing := wanted - set(found):
        raise NotReadyError(f"Metabase has not read these tables of {SCHEMA} yet: {', '.join(sorted(missing))}")
    return found


def _tables(client: Client, database: int) -> dict[str, dict[str, Any]]:
    tables = client.get(f"/api/database/{database}/metadata")["tables"]
    return {table["name"]: table for table in tables if table["schema"] == SCHEMA}


def _ensure_table(client: Client, table: dict[str, Any], model: dict[str, Any]) -> list[str]:
    if table.get("description") or not model["description"]:
        return []
    client.put(f"/api/table/{table['id']}", {"description": model["description"]})
    return [f"table {table['name']}"]


def _wanted_field(
    at: tuple[str, str],
    described: dict[str, Any],
    primary: set[tuple[str, str]],
    foreign: dict[tuple[str, str], tuple[str, str]],
    fields: dict[tuple[str, str], dict[str, Any]],
) -> dict[str, Any]:
    wanted: dict[str, Any] = {"description": described["description"] or None}
    target = fields.get(foreign.get(at, ("", "")))
    if at in primary:
        wanted["semantic_type"] = "type/PK"
    elif target:
        wanted |= {"semantic_type": "type/FK", "fk_target_field_id": target["id"]}
    else:
        wanted["semantic_type"] = next((kind for pattern, kind in _KINDS if pattern.search(at[1])), None)
    return wanted


def _ensure_field(client: Client, name: str, field: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    is_key = wanted["semantic_type"] in ("type/PK", "type/FK")
    change = {
        key: value
        for key, value in wanted.items()
        if value is not None and field.get(key) != value and (not field.get(key) or (is_key and key != "description"))
    }
    if not change:
        return []
    client.put(f"/api/field/{field['id']}", change)
    return [name]
