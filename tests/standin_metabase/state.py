"""What the stand-in remembers, how it reads a schema, and how it runs a query."""

import re
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import duckdb
from starlette.requests import Request

from tests.standin_metabase.pool import Pool

SYNC_STEP_SECONDS = 0.2
"""Tables appear so long after a sync was asked for, their fields as long after the tables."""

TAG = re.compile(r"\{\{\s*([^}]+?)\s*\}\}")
OPTIONAL = re.compile(r"\[\[(.*?)\]\]", re.DOTALL)


class RefusedError(Exception):
    """A request that Metabase would refuse, with its status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def id_of(request: Request) -> int:
    """The number in the request's path."""
    return int(request.path_params["id"])


@dataclass
class State:
    """Users, sessions and everything that has an id."""

    setup_token: str = field(default_factory=secrets.token_hex)
    users: dict[str, str] = field(default_factory=dict)
    sessions: set[str] = field(default_factory=set)
    api_keys: set[str] = field(default_factory=set)
    databases: dict[int, dict[str, Any]] = field(default_factory=dict)
    tables: dict[int, dict[str, Any]] = field(default_factory=dict)
    fields: dict[int, dict[str, Any]] = field(default_factory=dict)
    collections: dict[int, dict[str, Any]] = field(default_factory=dict)
    cards: dict[int, dict[str, Any]] = field(default_factory=dict)
    dashboards: dict[int, dict[str, Any]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    pool: Pool = field(default_factory=Pool)
    lock: threading.Lock = field(default_factory=threading.Lock)
    last_id: int = 0
    keep: Callable[["State"], None] = lambda state: None
    """Called after each request that may have changed something, before it is answered."""
    is_kept: Callable[[], bool] = lambda: True
    """Whether the application database answers."""

    def new_id(self) -> int:
        """A number that nothing has yet."""
        self.last_id += 1
        return self.last_id

    def find(self, kind: str, number: int) -> dict[str, Any]:
        """The thing of that number, or a refusal with 404."""
        found: dict[int, dict[str, Any]] = getattr(self, kind)
        if number not in found:
            raise RefusedError(404, "Not found.")
        return found[number]

    def sync_later(self, number: int) -> None:
        """Read tables, then fields, on Metabase's own time (`sync/sync_metadata.clj`: one step after the other)."""
        threading.Thread(target=self._sync, args=[number], daemon=True).start()

    def _sync(self, number: int) -> None:
        sql = "select schema_name, table_name, column_name, data_type from duckdb_columns() where not internal"
        time.sleep(SYNC_STEP_SECONDS)
        try:
            found = self.pool.query(number, self.find("databases", number)["details"], sql, {})[1]
        except (duckdb.Error, RefusedError):
            return  # a sync whose connection is cut is given up, and logged by Metabase only
        tables = {(schema, table) for schema, table, _, _ in found}
        with self.lock:
            ids = {
                at: self._ensure(self.tables, {"db_id": number, "schema": at[0], "name": at[1]})
                for at in sorted(tables)
            }
        time.sleep(SYNC_STEP_SECONDS)
        with self.lock:
            for schema, table, column, data_type in found:
                field_id = self._ensure(self.fields, {"table_id": ids[schema, table], "name": column})
                self.fields[field_id]["database_type"] = data_type

    def _ensure(self, kept: dict[int, dict[str, Any]], identity: dict[str, Any]) -> int:
        for number, item in list(kept.items()):
            if identity.items() <= item.items():
                return number
        number = self.new_id()
        kept[number] = {"id": number, "description": None, **identity}
        return number

    def run(self, query: dict[str, Any]) -> dict[str, Any]:
        """Run a native query with its parameters filled in, the way a dashboard does."""
        database = self.find("databases", query["database"])
        stage = query["stages"][0]
        check_tags(stage)
        given = {parameter["target"][1][1]: parameter["value"] for parameter in query.get("parameters") or []}
        sql, values = fill(stage["native"], given)
        try:
            names, rows = self.pool.query(query["database"], database["details"], sql, values)
        except duckdb.Error as error:
            return {"status": "failed", "error": str(error), "data": {"cols": [], "rows": []}}
        columns = [{"name": name, "display_name": name} for name in names]
        return {"status": "completed", "data": {"cols": columns, "rows": rows}}


def fill(sql: str, given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Optional parts stay where all their tags have a value; tags become bound parameters."""
    kept = OPTIONAL.sub(lambda part: part[1] if all(name in given for name in TAG.findall(part[1])) else "", sql)
    names = set(TAG.findall(kept))
    if missing := sorted(names - set(given)):
        raise RefusedError(400, f"missing required parameters: {', '.join(missing)}")
    return TAG.sub(r"$\1", kept), {name: given[name] for name in names}


def check_tags(stage: dict[str, Any]) -> None:
    """Every tag of the SQL is declared under its own name, and every declared one is used."""
    declared = stage.get("template-tags") or {}
    used = set(TAG.findall(stage["native"]))
    if used != set(declared):
        raise RefusedError(400, f"template tags {sorted(declared)} do not match those of the SQL {sorted(used)}")
    for name, tag in declared.items():
        if tag["name"] != name:
            raise RefusedError(400, f"template tag {name!r} calls itself {tag['name']!r}")
