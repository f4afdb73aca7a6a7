"""The loader behind HTTP, as the appliance has it: the same calls as in process, each one request.

The request lasts as long as the step. Meanwhile the loader's health is polled for progress; a stopped run closes the
connection, which tells the loader to end the step.
"""

import json
import select
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from pydantic import BaseModel

from common.errors import AnalyticsError, PassingError
from common.loader_results import (
    BackedUp,
    CollectorState,
    Counted,
    Done,
    ExtractResult,
    ForgetLog,
    LoadResult,
    MaintenanceResult,
    Selected,
)
from common.settings import Settings, SettingsError
from scheduler.loader_calls import Progress

Result = TypeVar("Result", bound=BaseModel)

_CONNECT_SECONDS = 5.0
_LOOK_SECONDS = 1.0
_BACKUP_SECONDS = 24 * 3600.0
_WORTH_A_RETRY = frozenset({409, 429, 502, 503, 504})


class LoaderError(AnalyticsError):
    """The loader rejected the call or failed; the message is the loader's."""


class HttpService:
    """Calls a service's steps, with a bearer token."""

    _called = "the service"

    def __init__(self, url: str, token: str | None, time_limit: float = 3600) -> None:
        self._url, self._time_limit = url.rstrip("/"), time_limit
        self._path = urlsplit(self._url).path
        self._headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})

    def is_healthy(self) -> bool:
        """GET /healthz."""
        try:
            return requests.get(f"{self._url}/healthz", timeout=_CONNECT_SECONDS).ok
        except requests.RequestException:
            return False

    def _post(self, step: str, body: dict[str, Any], kind: type[Result], progress: Progress | None) -> Result:
        with closing(self._connect()) as connection:
            try:
                connection.request("POST", f"{self._path}/{step}", json.dumps(body), self._headers)
                self._await_answer(connection, progress)
                answer = connection.getresponse()
                status, content = answer.status, answer.read()
            except HTTPException as error:  # it ended before its response did
                raise PassingError(f"{self._called} stopped during {step}: {type(error).__name__}") from error
        if status in _WORTH_A_RETRY:
            raise PassingError(f"{self._called} answered {status} to {step}: {_reason(content)}")
        if status != 200:
            raise LoaderError(f"{self._called} answered {status} to {step}: {_reason(content)}")
        return kind.model_validate_json(content)

    def _get(self, path: str) -> Any:
        try:
            answer = requests.get(f"{self._url}/{path}", headers=self._headers, timeout=_CONNECT_SECONDS)
            answer.raise_for_status()
        except requests.RequestException as error:
            raise PassingError(f"{self._called} does not answer to {path}: {type(error).__name__}") from error
        return answer.json()

    def _connect(self) -> HTTPConnection:
        """Return a separate connection: requests would not close one that still waits for its response."""
        parts = urlsplit(self._url)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=_CONNECT_SECONDS)
        try:
            connection.connect()
        except OSError as error:  # no name, no route, refused: a restarting container causes all three
            raise PassingError(f"{self._called} at {self._url} cannot be reached: {error.strerror or error}") from error
        return connection

    def _await_answer(self, connection: HTTPConnection, progress: Progress | None) -> None:
        """Wait for the response and report progress meanwhile. An exception from `progress` closes the connection."""
        deadline = time.monotonic() + self._time_limit
        while not select.select([connection.sock], [], [], _LOOK_SECONDS)[0]:
            if time.monotonic() > deadline:
                raise LoaderError(f"{self._called} gave no answer within {self._time_limit:.0f} s")
            if progress:
                progress(*self._how_far())

    def _how_far(self) -> tuple[int, int | None]:
        """Return the running step's progress from the loader's health, or zero if it reports none."""
        try:
            health = requests.get(f"{self._url}/healthz", timeout=_CONNECT_SECONDS).json()
            return int(health["done"]), health["total"]
        except (requests.RequestException, KeyError, TypeError):
            return 0, None


class HttpLoader(HttpService):
    """Calls the loader service at LOADER_URL, with LOADER_TOKEN as bearer token."""

    _called = "the loader"

    @classmethod
    def of(cls, settings: Settings) -> "HttpLoader":
        """Return the configured loader."""
        if not settings.loader_url:
            raise SettingsError("LOADER_URL: expected the address of the loader service, found nothing")
        token = settings.loader_token.get_secret_value() if settings.loader_token else None
        return cls(settings.loader_url, token, settings.step_timeout_seconds)

    def extract(self, *, full_refresh: bool = False, progress: Progress | None = None) -> ExtractResult:
        """POST /extract."""
        return self._post("extract", {"full_refresh": full_refresh}, ExtractResult, progress)

    def load(self, *, full_refresh: bool = False, progress: Progress | None = None) -> LoadResult:
        """POST /load."""
        return self._post("load", {"full_refresh": full_refresh}, LoadResult, progress)

    def maintain(self, *, progress: Progress | None = None) -> MaintenanceResult:
        """POST /maintain."""
        return self._post("maintain", {}, MaintenanceResult, progress)

    def collectors(self) -> list[CollectorState]:
        """GET /collectors. Raises PassingError if the loader does not answer."""
        return [CollectorState.model_validate(state) for state in self._get("collectors")]


class HttpVault(HttpService):
    """Calls the vault service at VAULT_URL, with VAULT_TOKEN as bearer token."""

    _called = "the vault"

    @classmethod
    def of(cls, settings: Settings) -> "HttpVault | None":
        """Return the configured vault, if any."""
        if not settings.vault_url:
            return None
        token = settings.vault_token.get_secret_value() if settings.vault_token else None
        return cls(settings.vault_url, token, _BACKUP_SECONDS)

    def backup(self, progress: Progress | None = None, *, full: bool = False) -> BackedUp:
        """POST /backup."""
        return self._post("backup", {"full": full}, BackedUp, progress)

    def forget_log(self) -> ForgetLog:
        """GET /forget/log. Raises PassingError if the vault does not answer."""
        return ForgetLog.model_validate(self._get("forget/log"))

    def forget_select(self, kind: str, value: str) -> Selected:
        """POST /forget/select."""
        return self._post("forget/select", {"kind": kind, "value": value}, Selected, None)

    def forget_begin(self, selected: Selected, asked_by: str, reason: str | None, counts: dict[str, float]) -> None:
        """POST /forget/begin."""
        body = {"kind": selected.kind, "value": selected.value, "asked_by": asked_by, "reason": reason}
        self._post("forget/begin", body | {"counts": counts}, Done, None)

    def forget_remove(self, progress: Progress | None = None) -> str:
        """POST /forget/remove."""
        return self._post("forget/remove", {}, Done, progress).message

    def forget_finish(self, proof: str, progress: Progress | None = None) -> str:
        """POST /forget/finish; return where something is left, or an empty text."""
        return self._post("forget/finish", {"proof": proof}, Done, progress).message

    def text_begin(self, before: datetime, lines: int) -> None:
        """POST /forget/text/begin."""
        self._post("forget/text/begin", {"before": before.isoformat(), "lines": lines}, Done, None)

    def text_reduce(self, kept: Mapping[str, dict[str, Any]]) -> int:
        """POST /forget/text/reduce; return how many lines had texts."""
        return self._post("forget/text/reduce", {"kept": dict(kept)}, Counted, None).lines

    def text_blank(self, line_ids: list[str]) -> int:
        """POST /forget/text/blank; return the number of lines overwritten."""
        return self._post("forget/text/blank", {"line_ids": line_ids}, Counted, None).lines

    def text_end(self) -> None:
        """POST /forget/text/end."""
        self._post("forget/text/end", {}, Done, None)


def _reason(content: bytes) -> str:
    text = content.decode(errors="replace")
    try:
        body = json.loads(text)
    except ValueError:
        body = text
    reason = body.get("error") or body.get("detail") if isinstance(body, dict) else body
    return " ".join(str(reason).split())[:500]
