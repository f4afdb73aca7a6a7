"""Copies dbt's metadata of the marts to Metabase: descriptions, keys, and the semantic types of columns.

Descriptions that users wrote in Metabase are kept; keys follow dbt, whose tests check them.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common.duckdb_files import open_read_only
from metabase.client import Client, NotReadyError, until

Log = Callable[[str], None]

SCHEMA = "marts"
SYNC_SECONDS = 120.0
"""How long Metabase may take to read tables and fields."""
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


def ensure_metadata(client: Client, database: int, manifest: Path, file: Path, log: Log) -> list[str]:
    """Update tables and fields after Metabase has read all of them.

    Args:
        client: signed in as an administrator.
        database: ours in Metabase.
        manifest: dbt's, of the build that was published.
        file: the published database, with the tables and columns to wait for.
        log: called with what Metabase has not read in time.

    Returns:
        What was changed, by name.
    """
    nodes = json.loads(manifest.read_bytes())["nodes"]
    models = {
        node["alias"]: node for node in nodes.values() if node["resource_type"] == "model" and node["schema"] == SCHEMA
    }
    tables = _synced_tables(client, database, {at for at in _columns(file) if at[0] in models}, log)
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


def _columns(file: Path) -> set[tuple[str, str]]:
    sql = "select table_name, column_name from duckdb_columns() where schema_name = ?"
    with open_read_only(Path(file)) as connection:
        return set(connection.execute(sql, [SCHEMA]).fetchall())


def _synced_tables(client: Client, database: int, wanted: set[tuple[str, str]], log: Log) -> dict[str, dict[str, Any]]:
    """Return the tables as Metabase knows them: it reads first the tables, then their fields, on its own time."""
    found = _tables(client, database)
    if not _missing(found, wanted):
        return found
    client.post(f"/api/database/{database}/sync_schema")
    try:
        return until(lambda: _all_tables(client, database, wanted), SYNC_SECONDS)
    except NotReadyError as error:  # a user may have hidden a column from the API; the others are still updated
        log(str(error))
        return _tables(client, database)


def _all_tables(client: Client, database: int, wanted: set[tuple[str, str]]) -> dict[str, dict[str, Any]]:
    found = _tables(client, database)
    if missing := _missing(found, wanted):
        names = ", ".join(".".join(at) for at in missing[:5])
        raise NotReadyError(f"Metabase has not read {len(missing)} columns of {SCHEMA} yet, such as {names}")
    return found


def _missing(tables: dict[str, dict[str, Any]], wanted: set[tuple[str, str]]) -> list[tuple[str, str]]:
    known = {(name, field["name"]) for name, table in tables.items() for field in table["fields"]}
    return sorted(wanted - known)


def _tables(client: Client, database: int) -> dict[str, dict[str, Any]]:
    tables = client.get(f"/api/database/{database}/metadata", include_hidden="true")["tables"]
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
