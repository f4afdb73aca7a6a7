"""What the stand-in remembers, and the pool of connections that hides a new generation until it is dropped."""

import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import duckdb

POOL_DROP_SECONDS = 0.3
"""Metabase drops a pool on its own time: whoever expects it at once finds the old generation here."""

TAG = re.compile(r"\{\{\s*([^}]+?)\s*\}\}")
OPTIONAL = re.compile(r"\[\[(.*?)\]\]", re.DOTALL)


class RefusedError(Exception):
    """A request that Metabase would refuse, with its status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass
class Pooled:
    """A connection, who uses it now, and whether it goes when the last of them is done."""

    connection: duckdb.DuckDBPyConnection
    users: int = 0
    dropped: bool = False


class Pool:
    """One read-only connection per database, kept open from the first query on, as a pool keeps its own.

    A dropped one serves whoever has it already, and is closed when they are done; the next query opens a new one.
    """

    def __init__(self) -> None:
        self._pooled: dict[int, Pooled] = {}
        self._lock = threading.Lock()

    def query(
        self, number: int, details: dict[str, Any], sql: str, values: dict[str, Any]
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        """The names of the columns, and the rows."""
        with self._taken(number, details) as connection, connection.cursor() as cursor:
            result = cursor.execute(sql, values or None)
            return [column[0] for column in result.description], result.fetchall()

    @contextmanager
    def _taken(self, number: int, details: dict[str, Any]) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._lock:
            if number not in self._pooled:
                self._pooled[number] = Pooled(_open(details))
            pooled = self._pooled[number]
            pooled.users += 1
        try:
            yield pooled.connection
        finally:
            with self._lock:
                pooled.users -= 1
                _close_if_done(pooled)

    def drop(self, number: int) -> None:
        """From now on a query opens a new connection."""
        with self._lock:
            if pooled := self._pooled.pop(number, None):
                pooled.dropped = True
                _close_if_done(pooled)

    def drop_later(self, number: int) -> None:
        """The same, on its own time."""
        timer = threading.Timer(POOL_DROP_SECONDS, self.drop, [number])
        timer.daemon = True
        timer.start()


def _close_if_done(pooled: Pooled) -> None:
    if pooled.dropped and not pooled.users:
        pooled.connection.close()


def _open(details: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    config = {"memory_limit": details["memory_limit"]} if details.get("memory_limit") else {}
    connection = duckdb.connect(details["database_file"], read_only=details["read_only"], config=config)
    if details.get("init_sql"):
        connection.execute(details["init_sql"])
    return connection


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
    last_id: int = 0

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

    def sync(self, number: int) -> None:
        """Read tables and columns of every schema, keeping what people wrote about them."""
        database = self.find("databases", number)
        sql = "select schema_name, table_name, column_name, data_type from duckdb_columns() where not internal"
        for schema, table, column, data_type in self.pool.query(number, database["details"], sql, {})[1]:
            table_id = self._ensure(self.tables, {"db_id": number, "schema": schema, "name": table})
            found = self._ensure(self.fields, {"table_id": table_id, "name": column})
            self.fields[found]["database_type"] = data_type

    def _ensure(self, kept: dict[int, dict[str, Any]], identity: dict[str, Any]) -> int:
        for number, each in kept.items():
            if identity.items() <= each.items():
                return number
        number = self.new_id()
        kept[number] = {"id": number, "description": None, **identity}
        return number

    def run(self, query: dict[str, Any]) -> dict[str, Any]:
        """Run a native query with its parameters filled in, the way a dashboard does."""
        database = self.find("databases", query["database"])
        stage = query["stages"][0]
        check_tags(stage)
        given = {each["target"][1][1]: each["value"] for each in query.get("parameters") or []}
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
