"""The loader behind HTTP, as the appliance has it: the same calls as in process, each one request.

The request lasts as long as the step. While it does, the run can still be stopped: the answer is awaited in slices.
"""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

import requests
from pydantic import BaseModel

from lake.results import ExtractResult, LoadResult, MaintenanceResult
from lake.settings import Settings, SettingsError
from scheduler.loader import Progress
from scheduler.transient import TransientError

Result = TypeVar("Result", bound=BaseModel)

_CONNECT_SECONDS = 5.0
_LOOK_SECONDS = 1.0
_BUSY = frozenset({409, 429, 502, 503, 504})  # 409: at work for a run that has just been interrupted


class LoaderError(Exception):
    """The loader refused or failed; the message is its own."""


class HttpLoader:
    """Asks the loader service at LOADER_URL, with LOADER_TOKEN as bearer token."""

    def __init__(self, url: str, token: str | None, time_limit: float = 3600) -> None:
        self._url, self._time_limit = url.rstrip("/"), time_limit
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    @classmethod
    def of(cls, settings: Settings) -> "HttpLoader":
        """The loader that the settings name."""
        if not settings.loader_url:
            raise SettingsError("LOADER_URL: expected the address of the loader service, found nothing")
        token = settings.loader_token.get_secret_value() if settings.loader_token else None
        return cls(settings.loader_url, token, settings.step_time_limit_seconds)

    def extract(self, *, full_refresh: bool = False, progress: Progress | None = None) -> ExtractResult:
        """POST /extract."""
        return self._post("extract", {"full_refresh": full_refresh}, ExtractResult, progress)

    def load(self, *, full_refresh: bool = False, progress: Progress | None = None) -> LoadResult:
        """POST /load."""
        return self._post("load", {"full_refresh": full_refresh}, LoadResult, progress)

    def maintain(self, *, progress: Progress | None = None) -> MaintenanceResult:
        """POST /maintain."""
        return self._post("maintain", {}, MaintenanceResult, progress)

    def is_healthy(self) -> bool:
        """GET /healthz."""
        try:
            return requests.get(f"{self._url}/healthz", timeout=_CONNECT_SECONDS).ok
        except requests.RequestException:
            return False

    def _post(self, step: str, body: dict[str, Any], kind: type[Result], progress: Progress | None) -> Result:
        limits = (_CONNECT_SECONDS, self._time_limit)
        url = f"{self._url}/{step}"
        response = _wait_for(lambda: requests.post(url, json=body, headers=self._headers, timeout=limits), progress)
        if response.status_code in _BUSY:
            raise TransientError(f"the loader answered {response.status_code} to {step}: {_reason(response)}")
        if not response.ok:
            raise LoaderError(f"the loader answered {response.status_code} to {step}: {_reason(response)}")
        return kind.model_validate_json(response.content)


def _wait_for(send: Callable[[], requests.Response], progress: Progress | None) -> requests.Response:
    """Send in a thread and report progress meanwhile: that is where an interrupted run raises."""
    answers: list[requests.Response] = []
    errors: list[Exception] = []
    done = threading.Event()

    def work() -> None:
        try:
            answers.append(send())
        except requests.RequestException as error:
            errors.append(error)
        finally:
            done.set()

    threading.Thread(target=work, name="loader-request", daemon=True).start()
    while not done.wait(_LOOK_SECONDS):
        if progress:
            progress(0, None)
    if errors:
        raise errors[0]
    return answers[0]


def _reason(response: requests.Response) -> str:
    try:
        body = response.json()
    except requests.JSONDecodeError:
        body = response.text
    reason = body.get("error") or body.get("detail") if isinstance(body, dict) else body
    return " ".join(str(reason).split())[:500]
