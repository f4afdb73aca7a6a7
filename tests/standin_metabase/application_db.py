"""The stand-in's application database: PostgreSQL where MB_DB_TYPE says so, as Metabase's is; else memory alone.

What a request changed is written before it is answered. A server that cannot write fails the request with its own words
and status 500, and nothing of the request stays.
"""

import importlib
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

from tests.standin_metabase.state import RefusedError, State

_KINDS = ("databases", "tables", "fields", "collections", "cards", "dashboards")
_ACCOUNTS = ("accounts", 0)
_CONNECT_SECONDS = 60.0
_CREATE = "create table if not exists standin (kind text, id bigint, body text not null, primary key (kind, id))"
_PUT = "insert into standin values (:kind, :id, :body) on conflict (kind, id) do update set body = excluded.body"

Content = dict[tuple[str, int], str]
"""By kind and id: the thing as JSON."""


def content_of(state: State) -> Content:
    """Return all that is kept of this state."""
    accounts = {
        "setup_token": state.setup_token,
        "users": state.users,
        "sessions": sorted(state.sessions),
        "api_keys": sorted(state.api_keys),
        "last_id": state.last_id,
    }
    found = {_ACCOUNTS: json.dumps(accounts)}
    for kind in _KINDS:
        things = list(getattr(state, kind).items())
        found |= {(kind, number): json.dumps(thing, default=str) for number, thing in things}
    return found


def restore(state: State, content: Content) -> None:
    """Make this state what was kept; one that nothing was kept of stays as it is."""
    if _ACCOUNTS not in content:
        return
    accounts = json.loads(content[_ACCOUNTS])
    state.setup_token, state.users, state.last_id = (accounts[name] for name in ("setup_token", "users", "last_id"))
    state.sessions, state.api_keys = set(accounts["sessions"]), set(accounts["api_keys"])
    for kind in _KINDS:
        setattr(state, kind, {at[1]: json.loads(body) for at, body in sorted(content.items()) if at[0] == kind})


class ApplicationDb:
    """The server that the environment names, as compose.yaml names it to Metabase."""

    def __init__(self) -> None:
        """Connect, and wait for a server that is not there yet."""
        self._lock, self._saved = threading.Lock(), Content()
        self._driver: Any = importlib.import_module("pg8000.native")  # in the image only
        self._errors = (self._driver.DatabaseError, self._driver.InterfaceError, OSError)
        self._server: Any = self._connect()
        self._server.run(_CREATE)

    def load(self, state: State) -> None:
        """Bring back what an earlier container kept."""
        rows = self._server.run("select kind, id, body from standin")
        self._saved = {(kind, number): body for kind, number, body in rows}
        restore(state, self._saved)

    def save(self, state: State) -> None:
        """Write what changed since the last time. Raises RefusedError, with what was kept before, where it cannot."""
        with self._lock, state.lock:
            wanted = content_of(state)
            changed = {at: body for at, body in wanted.items() if self._saved.get(at) != body}
            try:
                self._write(changed)
            except self._errors as error:
                restore(state, self._saved)
                raise RefusedError(500, _message(error)) from error
            self._saved = wanted

    def answers(self) -> bool:
        """Whether the server does; `/api/health` asks."""
        with self._lock:
            try:
                self._server.run("select 1")
            except self._errors:
                try:
                    self._server = self._open()
                except self._errors:
                    return False
        return True

    def _write(self, changed: Content) -> None:
        try:
            self._transact(changed)
        except (self._driver.InterfaceError, OSError):  # the server was started again since
            self._server = self._open()
            self._transact(changed)

    def _transact(self, changed: Content) -> None:
        self._server.run("start transaction")
        try:
            for (kind, number), body in changed.items():
                self._server.run(_PUT, kind=kind, id=number, body=body)
            self._server.run("commit")
        except self._driver.DatabaseError:
            self._server.run("rollback")
            raise

    def _connect(self) -> Any:
        deadline = time.monotonic() + _CONNECT_SECONDS
        while True:
            try:
                return self._open()
            except self._errors:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)  # a server that starts has no other way to say that it is ready

    def _open(self) -> Any:
        given = os.environ
        return self._driver.Connection(
            given["MB_DB_USER"],
            host=given["MB_DB_HOST"],
            port=int(given["MB_DB_PORT"]),
            database=given["MB_DB_DBNAME"],
            password=Path(given["MB_DB_PASS_FILE"]).read_text(encoding="utf-8").strip(),
        )


def _message(error: Exception) -> str:
    """Return what the server says: the driver gives its fields by their letter in the protocol."""
    fields = error.args[0] if error.args else ""
    return f"ERROR: {fields['M']}" if isinstance(fields, dict) and "M" in fields else str(error)
