"""The JSON API. Reading is open where the page is; acting needs `Authorization: Bearer TOKEN`."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request
from fastapi.security import HTTPBearer
from pydantic import BaseModel

from scheduler.backup_run import last_backup
from scheduler.history import LogLine, Run, RunKind
from scheduler.publish import Generation
from scheduler.run_result import FailedTest, StepResult
from scheduler.service import RunUnderWayError, Service
from scheduler.web.auth import Gate
from scheduler.web.status import AtRisk, Freshness, Standing, Store, versions


class StatusReply(BaseModel):
    """How things stand."""

    running: Run | None
    last: Run | None
    next_run: datetime | None
    next_maintenance: datetime | None
    last_backup: dict[str, Any] | None
    next_backup: datetime | None
    paused: bool
    incident: dict[str, Any] | None
    generation: Generation | None
    freshness: Freshness
    stores: list[Store]
    transcripts_at_risk: list[AtRisk]
    versions: dict[str, str]


class RunReply(BaseModel):
    """One run with its steps and the dbt results that failed or warned."""

    run: Run
    steps: list[StepResult]
    failed_tests: list[FailedTest]


class RunRequest(BaseModel):
    """What to run."""

    full_refresh: bool = False


class RunStarted(BaseModel):
    """The run that was started."""

    id: int


class ErrorReply(BaseModel):
    """What went wrong, in one line."""

    error: str


class PauseReply(BaseModel):
    """Whether the schedule is paused."""

    paused: bool


_LARGEST = 2**63 - 1
"""The largest id that SQLite takes."""
_RunId = Annotated[int, Path(ge=0, le=_LARGEST)]
_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"description": "The Host header names another host, or the body is not JSON", "model": ErrorReply},
    401: {"description": "The bearer token is missing or wrong", "model": ErrorReply},
    403: {"description": "Actions are off until SCHEDULER_TOKEN is set", "model": ErrorReply},
    404: {"description": "The run does not exist", "model": ErrorReply},
    409: {"description": "A run is already active", "model": ErrorReply},
    429: {"description": "Too many wrong tokens within a minute", "model": ErrorReply},
    503: {"description": "The history cannot be read", "model": ErrorReply},
}


def _may_answer(*codes: int) -> dict[int | str, dict[str, Any]]:
    """Return the errors of a route for its description; two of them any route may answer."""
    return {code: _ERRORS[code] for code in (400, 503, *codes)}


_ACTING = _may_answer(401, 403, 429)


def api_routes(service: Service, standing: Standing, gate: Gate) -> APIRouter:
    """The routes below /api."""
    router = APIRouter(prefix="/api", tags=["api"])
    _reading(router, service, standing, gate)
    _acting(router, service, gate)
    return router


def _reading(router: APIRouter, service: Service, standing: Standing, gate: Gate) -> None:
    history = service.history

    @router.get("/status", responses=_may_answer(429))
    def status(request: Request) -> StatusReply:
        """How things stand."""
        return StatusReply(
            running=history.last("running"),
            last=history.last("succeeded", "unchanged", "failed", "interrupted"),
            next_run=service.next_run("pipeline"),
            next_maintenance=service.next_run("maintenance"),
            last_backup=last_backup(history),
            next_backup=service.next_run("backup"),
            paused=service.is_paused,
            incident=service.runner.alerts.incident(),
            generation=standing.generation(),
            freshness=standing.freshness(),
            stores=standing.stores(),
            transcripts_at_risk=standing.at_risk() if gate.may_see_details(request) else [],
            versions=versions(),
        )

    @router.get("/runs", responses=_may_answer())
    def runs(limit: Annotated[int, Query(ge=1, le=1000)] = 100, kind: RunKind | None = None) -> list[Run]:
        """The newest runs first."""
        return history.runs(limit, kind)

    @router.get("/runs/{run_id}", responses=_may_answer(404, 429))
    def run(run_id: _RunId, request: Request) -> RunReply:
        """One run."""
        found = _found(history.run(run_id), run_id)
        tests = [test for test in history.dbt_results(run_id) if test.node.failed or test.node.status == "warn"]
        if not gate.may_see_details(request):
            tests = [test.model_copy(update={"columns": [], "rows": []}) for test in tests]
        return RunReply(run=found, steps=history.steps(run_id), failed_tests=tests)

    @router.get("/runs/{run_id}/log", responses=_may_answer(401, 404, 429))
    def run_log(run_id: _RunId, request: Request, after: Annotated[int, Query(ge=0, le=_LARGEST)] = 0) -> list[LogLine]:
        """The lines of a run's log whose id is above `after`."""
        if not gate.may_see_details(request):
            raise HTTPException(401, "expected Authorization: Bearer TOKEN", {"WWW-Authenticate": "Bearer"})
        _found(history.run(run_id), run_id)
        return history.log_lines(run_id, after)


def _acting(router: APIRouter, service: Service, gate: Gate) -> None:
    allowed = [Depends(HTTPBearer(auto_error=False, description="The scheduler token")), Depends(gate.require_api)]

    @router.post("/runs", status_code=202, dependencies=allowed, responses=_ACTING | _may_answer(409))
    def start(request: RunRequest | None = None) -> RunStarted:
        """Start a run."""
        try:
            wanted = request or RunRequest()
            return RunStarted(id=service.run_now(full_refresh=wanted.full_refresh, trigger="api"))
        except RunUnderWayError as busy:
            raise HTTPException(409, str(busy)) from None

    @router.post("/pause", dependencies=allowed, responses=_ACTING)
    def pause() -> PauseReply:
        """Start nothing on schedule any more."""
        service.pause()
        return PauseReply(paused=True)

    @router.post("/resume", dependencies=allowed, responses=_ACTING)
    def resume() -> PauseReply:
        """Start on schedule again."""
        service.resume()
        return PauseReply(paused=False)

    @router.post("/alerts/test", dependencies=allowed, responses=_ACTING)
    def test_alerts() -> dict[str, str | None]:
        """Send a test message by every configured way; null where it worked."""
        return service.runner.alerts.test()


def _found(run: Run | None, run_id: int) -> Run:
    if run is None:
        raise HTTPException(404, f"there is no run {run_id}; GET /api/runs lists them")
    return run
