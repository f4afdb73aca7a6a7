"""The pages. They work without JavaScript; live.js only saves the reader from pressing reload."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi import Path as PathParameter
from fastapi.responses import RedirectResponse, Response
from fastapi.templating import Jinja2Templates
from starlette.exceptions import HTTPException as AnyHTTPException

from common import numbers
from common.design import stylesheet
from common.settings import Settings
from scheduler.backup_run import last_backup
from scheduler.collector_watch import is_recent
from scheduler.history import DID_NOT_HAPPEN, History, Run, RunKind
from scheduler.service import RunUnderWayError, Service
from scheduler.web.auth import COOKIE, SESSION_SECONDS, Gate
from scheduler.web.report import report_routes, sandboxed
from scheduler.web.status import Standing, versions

_STRIP = 100
_RECENT = 15
_AT_RISK = 10
_CELL = 200  # characters of a failing row's value

_templates = Jinja2Templates(directory=Path(__file__).parent / "templates")


def page_routes(service: Service, standing: Standing, gate: Gate, settings: Settings, version: str) -> APIRouter:
    """The routes of the pages and of the buttons on them."""
    router = APIRouter(include_in_schema=False)
    view = _View(service, standing, gate, settings, version)
    _page_routes(router, view)
    _served_routes(router, view)
    router.include_router(report_routes(gate, standing.paths))
    _login_routes(router, view)
    _action_routes(router, view)
    return router


def error_page(request: Request, error: AnyHTTPException) -> Response:
    """A page that says what went wrong."""
    context = {"status": error.status_code, "message": error.detail}
    return _templates.TemplateResponse(request, "error.html", context, error.status_code)


class _View:
    """What every page knows."""

    def __init__(self, service: Service, standing: Standing, gate: Gate, settings: Settings, version: str) -> None:
        self.service, self.standing, self.gate, self.settings = service, standing, gate, settings
        self.history = service.history
        self.versions = ({"claude-analytics": version} if version else {}) | versions()

    def render(self, request: Request, template: str, **context: Any) -> Response:
        gate = self.gate
        common = {
            "zone": ZoneInfo(self.settings.timezone),
            "now": datetime.now(UTC),
            "can_act": gate.can_act,
            "is_logged_in": gate.is_logged_in(request),
            "may_see_details": gate.may_see_details(request),
            "form_key": gate.form_key(request),
            "token_file": gate.token_file if gate.is_loopback and not self.settings.scheduler_token else None,
            "note": request.query_params.get("note", ""),
            "age": _age,
            "size": numbers.size,
            "seconds": _seconds,
            "cell_limit": _CELL,
            "DID_NOT_HAPPEN": DID_NOT_HAPPEN,
        }
        return _templates.TemplateResponse(request, template, common | context)

    def links(self) -> dict[str, str]:
        found = {}
        if self.standing.paths.report.exists():
            found["Report"] = "/report"
        if self.service.runner.parts.project.docs_page.exists():
            found["dbt docs"] = "/dbt-docs"
        if metabase := self.settings.metabase_site_url or self.settings.metabase_url:
            found["Metabase"] = metabase
        return found


def _page_routes(router: APIRouter, view: _View) -> None:
    @router.get("/")
    def index(request: Request) -> Response:
        history, standing = view.history, view.standing
        kinds: tuple[RunKind, ...] = ("pipeline", "maintenance", "backup")
        running = next((run for kind in kinds if (run := history.last("running", kind=kind))), None)
        return view.render(
            request,
            "index.html",
            running=running,
            steps=history.steps(running.id) if running else [],
            last=history.last("succeeded", "unchanged", "failed", "interrupted"),
            last_good=history.last("succeeded", "unchanged"),
            next_run=view.service.next_run("pipeline"),
            next_maintenance=view.service.next_run("maintenance"),
            backup=_backup(history),
            next_backup=view.service.next_run("backup"),
            schedule=view.settings.schedule,
            paused=view.service.is_paused,
            problems=standing.problems(view.service.runner.alerts.incident()),
            strip=list(reversed(history.runs(_STRIP))),
            recent=history.runs(_RECENT),
            generation=standing.generation(),
            freshness=standing.freshness(),
            collectors=[(state, is_recent(state)) for state in standing.collectors()],
            store_sizes=[(store.name, numbers.size(store.bytes)) for store in standing.stores()],
            at_risk=standing.at_risk(),
            at_risk_shown=_AT_RISK,
            sees_transcripts=standing.sees_transcripts(),
            versions=view.versions,
            links=view.links(),
            alert_ways=list(view.service.runner.alerts.senders),
        )

    @router.get("/runs/{run_id}")
    def run(request: Request, run_id: Annotated[int, PathParameter(ge=0, le=2**63 - 1)]) -> Response:
        found = view.history.run(run_id)
        if found is None:
            raise HTTPException(404, f"there is no run {run_id}; it may be older than RUN_RETENTION_DAYS")
        results = view.history.dbt_results(run_id)
        lines = view.history.log_lines(run_id) if view.gate.may_see_details(request) else []
        return view.render(
            request,
            "run.html",
            run=found,
            steps=view.history.steps(run_id),
            failed=[test for test in results if test.node.failed],
            warned=[test for test in results if test.node.status == "warn"],
            passed=sum(not test.node.failed and test.node.status != "warn" for test in results),
            lines=lines,
            work_database=view.standing.volume.work_database,
        )


def _backup(history: History) -> dict[str, Any] | None:
    backup = last_backup(history)
    return backup | {"at": datetime.fromisoformat(backup["at"])} if backup else None


def _served_routes(router: APIRouter, view: _View) -> None:
    @router.get("/design.css")
    def design() -> Response:
        return Response(stylesheet(), media_type="text/css")

    @router.get("/dbt-docs")
    def dbt_docs(request: Request) -> Response:
        view.gate.require_details(request)
        return sandboxed(view.service.runner.parts.project.docs_page, "the dbt docs")


def _login_routes(router: APIRouter, view: _View) -> None:
    @router.get("/login")
    def ask(request: Request) -> Response:
        return view.render(request, "login.html", wrong=False)

    @router.post("/login")
    def log_in(request: Request, token: Annotated[str, Form()] = "") -> Response:
        cookie = view.gate.log_in(token.strip())
        if cookie is None:
            response = view.render(request, "login.html", wrong=True)
            response.status_code = 401
            return response
        response = RedirectResponse("/", 303)
        secure = request.url.scheme == "https"
        response.set_cookie(COOKIE, cookie, SESSION_SECONDS, httponly=True, samesite="strict", secure=secure)
        return response

    @router.post("/logout")
    def log_out(request: Request, key: Annotated[str, Form()] = "") -> Response:
        view.gate.require_form(request, key)
        response = RedirectResponse("/", 303)
        response.delete_cookie(COOKIE)
        return response


def _action_routes(router: APIRouter, view: _View) -> None:
    service = view.service

    @router.post("/run")
    def start(
        request: Request, key: Annotated[str, Form()] = "", full_refresh: Annotated[bool, Form()] = False
    ) -> Response:
        view.gate.require_form(request, key)
        try:
            run_id = service.run_now(full_refresh=full_refresh)
        except RunUnderWayError as busy:
            return _back(str(busy))
        return RedirectResponse(f"/runs/{run_id}", 303)

    @router.post("/pause")
    def pause(request: Request, key: Annotated[str, Form()] = "") -> Response:
        view.gate.require_form(request, key)
        service.pause()
        return _back("The schedule is paused.")

    @router.post("/resume")
    def resume(request: Request, key: Annotated[str, Form()] = "") -> Response:
        view.gate.require_form(request, key)
        service.resume()
        return _back("The schedule is active again.")

    @router.post("/alerts/test")
    def test_alerts(request: Request, key: Annotated[str, Form()] = "") -> Response:
        view.gate.require_form(request, key)
        results = service.runner.alerts.test()
        told = "; ".join(f"{way}: {error or 'sent'}" for way, error in results.items())
        return _back(f"Test message: {told or 'neither a webhook nor an address is configured'}.")


def _back(note: str) -> Response:
    return RedirectResponse(f"/?{urlencode({'note': note})}", 303)


def _age(moment: datetime, now: datetime) -> str:
    """`5 min ago`, `in 2 h`: the largest unit is exact enough."""
    difference = (now - moment).total_seconds()
    whole = numbers.duration(max(1, abs(round(difference))) * 1000).split()
    text = " ".join(whole[:2])
    return f"{text} ago" if difference >= 0 else f"in {text}"


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else numbers.duration(seconds * 1000)


def describe_run(run: Run) -> str:
    """Return a run in words, for readers who cannot see the strip's colours."""
    return f"Run {run.id}, {run.kind}, {run.status}, {run.started_at:%Y-%m-%d %H:%M} UTC"


_templates.env.globals["describe_run"] = describe_run
