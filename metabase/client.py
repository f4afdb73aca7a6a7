"""The part of Metabase's HTTP API that we use. Calls that change something are recorded, to detect "no change"."""

import threading
from collections.abc import Callable
from time import monotonic
from typing import Any, TypeVar
from urllib.parse import urljoin

import requests
from requests.adapters import HTTPAdapter

from common.errors import AnalyticsError

_T = TypeVar("_T")
_TIMEOUT = (10, 120)


class MetabaseError(AnalyticsError):
    """Metabase rejected a call or is unreachable; one line with the call and the response."""


class RefusedError(MetabaseError):
    """Metabase answered with an error."""


class NotFoundError(RefusedError):
    """The requested object does not exist."""


class UnreachableError(MetabaseError):
    """Nothing answers at the address."""


class QueryFailedError(MetabaseError):
    """A query failed: its SQL is wrong, or its connection was closed."""


class NotReadyError(MetabaseError):
    """Something has not happened yet; the caller retries."""


class Client:
    """A signed-in connection: by API key, or by a session that `sign_in` opens."""

    def __init__(self, url: str, *, api_key: str | None = None) -> None:
        """Connect to the Metabase at `url`; nothing is sent yet."""
        self._base = url.rstrip("/") + "/"
        self._http = requests.Session()
        # A server may close an idle connection just when it is used again: repeatable calls are retried.
        self._http.mount(self._base, HTTPAdapter(max_retries=2))
        self.writes: list[str] = []
        """The calls that changed something, as `METHOD path`."""
        if api_key:
            self._http.headers["X-API-Key"] = api_key

    def __repr__(self) -> str:
        """Without the key."""
        return f"Client({self._base!r})"

    def get(self, path: str, **query: Any) -> Any:
        """Send GET; `path` as in the documentation, from /api on."""
        return self._call("GET", path, params=query)

    def post(self, path: str, body: dict[str, Any] | None = None, *, changes: bool = True) -> Any:
        """Send POST; a query changes nothing and is not recorded."""
        return self._call("POST", path, json=body, changes=changes)

    def put(self, path: str, body: dict[str, Any]) -> Any:
        """Send PUT."""
        return self._call("PUT", path, json=body, changes=True)

    def sign_in(self, user: str, password: str) -> None:
        """Open a session and use it from now on. Raises MetabaseError for a wrong user or password."""
        session = self.post("/api/session", {"username": user, "password": password}, changes=False)
        self._http.headers["X-Metabase-Session"] = session["id"]

    def rows(self, database: int, sql: str) -> list[list[Any]]:
        """Run a statement as a reader would and return its rows."""
        answer = self.post("/api/dataset", native_query(database, sql), changes=False)
        if answer.get("error"):
            raise QueryFailedError(f"the query failed: {answer['error']}")
        return list(answer["data"]["rows"])

    def items(self, collection: int | str, model: str) -> list[dict[str, Any]]:
        """The cards or dashboards of a collection."""
        found = self.get(f"/api/collection/{collection}/items", models=model, limit=1000)
        return list(found["data"])

    def _call(self, method: str, path: str, *, changes: bool = False, **more: Any) -> Any:
        try:
            answer = self._http.request(method, urljoin(self._base, path.lstrip("/")), timeout=_TIMEOUT, **more)
        except requests.RequestException as error:
            raise UnreachableError(f"cannot reach Metabase at {self._base}: {type(error).__name__}") from error
        if changes:
            self.writes.append(f"{method} {path}")
        if answer.status_code >= 400:
            kind = NotFoundError if answer.status_code == 404 else RefusedError
            raise kind(f"{method} {path}: Metabase answered {answer.status_code}: {_reason(answer)}")
        return answer.json() if answer.content else None


def _reason(answer: requests.Response) -> str:
    """Return Metabase's message; for an error in its database without the stack trace."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    said = body["message"] if isinstance(body, dict) and isinstance(body.get("message"), str) else answer.text
    return " ".join(said.split())[:300]


def native_query(database: int, sql: str, tags: dict[str, Any] | None = None) -> dict[str, Any]:
    """A native query in the form in which cards store it."""
    stage: dict[str, Any] = {"lib/type": "mbql.stage/native", "native": sql}
    if tags:
        stage["template-tags"] = tags
    return {"lib/type": "mbql/query", "database": database, "stages": [stage]}


def native_sql(dataset_query: dict[str, Any]) -> str | None:
    """The SQL of a stored query, in whichever of its two forms Metabase gives it; None for another kind of query."""
    stages = dataset_query.get("stages") or [{}]
    sql = stages[0].get("native") or dataset_query.get("native", {}).get("query")
    return sql if isinstance(sql, str) else None


def until(check: Callable[[], _T], seconds: float) -> _T:
    """What `check` returns, asked again for `seconds` while it raises NotReadyError or nothing answers."""
    deadline, pause, idle = monotonic() + seconds, 0.1, threading.Event()
    while True:
        try:
            return check()
        except (NotReadyError, UnreachableError):
            if monotonic() + pause > deadline:
                raise
        idle.wait(pause)
        pause = min(pause * 1.5, 3.0)
