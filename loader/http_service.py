"""The loader as a small HTTP service, which the appliance's scheduler calls instead of importing this package.

It promises: every call needs the token; one step at a time, a second caller gets 409 with the running step's name;
a step ends at its next progress report if its caller disconnects or the service stops. Errors are one line, 503 if a
retry can help and 500 if it cannot.
"""

import asyncio
import contextlib
import hmac
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import duckdb
import structlog
from fastapi import APIRouter, Body, Depends, FastAPI, HTTPException, Request
from fastapi.responses import PlainTextResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, SecretStr
from pyiceberg.exceptions import CommitFailedException, ServerError, ServiceUnavailableError
from pymongo.errors import ConnectionFailure
from requests.exceptions import ConnectionError as HttpConnectionError
from requests.exceptions import Timeout

from common.errors import PassingError
from common.loader_results import CollectorState, ExtractResult, LoadResult, MaintenanceResult
from loader.loader_metrics import render_metrics

log = structlog.get_logger()

METRICS_TYPE = "text/plain; version=0.0.4"

Progress = Callable[[int, int | None], None]
Result = TypeVar("Result", bound=BaseModel)

_WORTH_A_RETRY = (
    *(ConnectionError, TimeoutError, ConnectionFailure, HttpConnectionError, Timeout),
    *(CommitFailedException, ServerError, ServiceUnavailableError),
)
_ERRORS: dict[int | str, dict[str, str]] = {
    400: {"description": "The body is not JSON"},
    401: {"description": "The bearer token is missing or wrong"},
    409: {"description": "Another step is running"},
    500: {"description": "The step failed, and would fail again"},
    503: {"description": "A server that the step needs is down or busy, or the service is stopping: try again later"},
}


class StoppedError(Exception):
    """The caller disconnected, or the service is stopping."""


@dataclass(frozen=True)
class Steps:
    """The service's steps; each takes full_refresh (if it has one) and a progress callback."""

    extract: Callable[[bool, Progress], ExtractResult]
    load: Callable[[bool, Progress], LoadResult]
    maintain: Callable[[Progress], MaintenanceResult]
    collectors: Callable[[], list[CollectorState]] = list
    """Not a step: it only reads, and can run during a step."""
    folder: Path = Path("/")
    """The work database's folder, for the metrics of its disk."""


class Health(BaseModel):
    """The service's health and its running step."""

    status: str = "ok"
    step: str | None
    since: datetime | None
    done: int
    total: int | None


class Work:
    """The running step, if any, and its progress."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self._busy = threading.Lock()
        self._idle = Health(step=None, since=None, done=0, total=None)
        self.state = self._idle

    @contextlib.contextmanager
    def begin(self, step: str) -> Iterator[None]:
        """Reserve the service for this step. Raises 409 if another one runs."""
        if not self._busy.acquire(blocking=False):
            at_work = f"{self.state.step} is running since {self.state.since}"
            raise HTTPException(409, f"{at_work}; try again when it is done")
        self.state = Health(step=step, since=datetime.now(UTC), done=0, total=None)
        try:
            yield
        finally:
            self.state = self._idle
            self._busy.release()

    def progress(self, caller_left: threading.Event) -> Progress:
        """Return a step's progress callback, which ends the step if its caller disconnected or the service stops."""

        def report(done: int, total: int | None) -> None:
            self.state = self.state.model_copy(update={"done": done, "total": total})
            if caller_left.is_set() or self.stopping.is_set():
                raise StoppedError

        return report


async def _until_gone(request: Request, caller_left: threading.Event) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    caller_left.set()


@contextlib.asynccontextmanager
async def _watched(request: Request) -> AsyncIterator[threading.Event]:
    """Yield an event that is set when the caller closes the connection."""
    caller_left = threading.Event()
    watcher = asyncio.create_task(_until_gone(request, caller_left))
    try:
        yield caller_left
    finally:
        watcher.cancel()


async def perform(
    work: Work, request: Request, name: str, step: Callable[[Progress], Result], *, tells: bool = True
) -> Result:
    """Run a step in a separate thread while the caller waits. Raises 409 if another step is running.

    With `tells`, the result is logged; not if it names what people want forgotten.
    """
    with work.begin(name):
        async with _watched(request) as caller_left:
            try:
                result = await asyncio.to_thread(step, work.progress(caller_left))
            except Exception as error:
                raise _answer(name, error) from error
    log.info("step done", step=name, **(result.model_dump(mode="json") if tells else {}))
    return result


def _answer(step: str, error: Exception) -> HTTPException:
    if isinstance(error, StoppedError):
        log.warning("step stopped", step=step)
        return HTTPException(503, f"{step} was stopped; what it had committed is kept")
    retry = isinstance(error, (*_WORTH_A_RETRY, PassingError)) or _is_store_away(error)
    message = (str(error).splitlines() or [""])[0][:500]
    log.error("step failed", step=step, error=message, retry=retry, exc_info=not retry)
    return HTTPException(503 if retry else 500, f"{step}: {type(error).__name__}: {message}")


def _is_store_away(error: Exception) -> bool:
    """Arrow raises plain OSErrors for its S3 client; DuckDB one kind for every lock and every full disk."""
    if isinstance(error, duckdb.IOException):
        return "lock" in str(error).lower()
    return isinstance(error, OSError) and "AWS Error" in str(error)


def create_app(steps: Steps, token: SecretStr, work: Work | None = None) -> FastAPI:
    """Return the service over these steps; every call except the health check needs the token."""
    work = work or Work()
    return create_service("loader", _step_routes(work, steps), token, work, steps.folder)


def create_service(name: str, steps: APIRouter, token: SecretStr, work: Work, folder: Path) -> FastAPI:
    """Return a service with these routes behind its token; the vault uses it as well."""
    # FastAPI's documentation pages load external scripts, which an internal network blocks; /openapi.json is kept.
    app = FastAPI(title=f"claude-analytics {name}", docs_url=None, redoc_url=None)
    app.include_router(_health_routes(work, folder))
    app.include_router(steps, dependencies=[Depends(_required(token))], responses=_ERRORS)
    return app


def _required(token: SecretStr) -> Callable[..., None]:
    bearer = HTTPBearer(auto_error=False, description="The loader token")

    def check(shown: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> None:
        expected = token.get_secret_value().encode()
        if shown is None or not hmac.compare_digest(shown.credentials.encode(), expected):
            raise HTTPException(401, "show the loader token as a bearer token", {"WWW-Authenticate": "Bearer"})

    return check


def _health_routes(work: Work, folder: Path) -> APIRouter:
    router = APIRouter()

    @router.get("/healthz")
    def healthz() -> Health:
        """Return the service's health and the running step's progress."""
        return work.state

    @router.get("/metrics", response_class=PlainTextResponse)
    def metrics() -> PlainTextResponse:
        """Return the metrics for Prometheus."""
        state = work.state
        return PlainTextResponse(render_metrics(state.step, state.done, folder), media_type=METRICS_TYPE)

    return router


def _step_routes(work: Work, steps: Steps) -> APIRouter:
    router = APIRouter()
    full_refresh = Annotated[bool, Body(embed=True, description="Rebuild everything")]

    @router.post("/extract")
    async def extract(request: Request, full_refresh: full_refresh = False) -> ExtractResult:
        """Extract new lines from MongoDB to Iceberg."""
        return await perform(work, request, "extract", lambda progress: steps.extract(full_refresh, progress))

    @router.post("/load")
    async def load(request: Request, full_refresh: full_refresh = False) -> LoadResult:
        """Load new lines from Iceberg to `raw` in the work database."""
        return await perform(work, request, "load", lambda progress: steps.load(full_refresh, progress))

    @router.get("/collectors")
    def collectors() -> list[CollectorState]:
        """Return the collectors' states, the most recently seen first."""
        try:
            return steps.collectors()
        except Exception as error:
            raise _answer("collectors", error) from error

    @router.post("/maintain")
    async def maintain(request: Request) -> MaintenanceResult:
        """Compact small files, expire snapshots, delete orphan files."""
        return await perform(work, request, "maintain", steps.maintain)

    return router
