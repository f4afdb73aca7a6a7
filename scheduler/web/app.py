"""The application: pages, API, health and metrics over one service."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from anyio import to_thread
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException as AnyHTTPException

from common.settings import Settings
from scheduler.collector_watch import CollectorWatch
from scheduler.disk_watch import DiskWatch
from scheduler.history import HistoryError
from scheduler.service import Service
from scheduler.web.api import api_routes
from scheduler.web.auth import Gate
from scheduler.web.metrics import render_metrics
from scheduler.web.pages import error_page, page_routes
from scheduler.web.status import Standing

_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


def create_app(
    service: Service,
    settings: Settings,
    *,
    stores: Mapping[str, Path] | None = None,
    version: str = "",
    collectors: CollectorWatch | None = None,
    disks: DiskWatch | None = None,
) -> FastAPI:
    """The ASGI application. It starts the service when it starts, and stops it when it stops.

    `stores` names the folders whose sizes are shown; the default is the data directory's. `version` is the product's.
    `collectors` and `disks` are watched if they belong to other containers.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await to_thread.run_sync(service.start)
        yield
        await to_thread.run_sync(service.stop)

    app = FastAPI(
        title="claude-analytics scheduler",
        version=version or "0",
        docs_url=None,  # the interactive pages load scripts from elsewhere; the description itself is served here
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=lifespan,
    )
    forgetting = service.runner.parts.forgetting
    forgotten = forgetting.forgotten_files if forgetting else None
    gate = Gate(settings, service.history.path.parent)
    standing = Standing(settings, stores, collectors, disks, forgotten)
    _protect(app, gate, standing)
    _health_routes(app, service, standing)
    app.include_router(api_routes(service, standing, gate))
    app.include_router(page_routes(service, standing, gate, settings, version))
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")
    return app


def _protect(app: FastAPI, gate: Gate, standing: Standing) -> None:
    @app.middleware("http")
    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        try:
            gate.check_host(request)
        except HTTPException as error:
            return PlainTextResponse(error.detail, error.status_code)
        response = await call_next(request)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    @app.exception_handler(AnyHTTPException)  # the router's among them, such as an unknown address
    async def explain(request: Request, error: AnyHTTPException) -> Response:
        if request.url.path.startswith("/api/"):
            return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)
        return error_page(request, error)

    @app.exception_handler(HistoryError)
    async def without_history(request: Request, error: HistoryError) -> Response:
        full = standing.full_disk()
        return await explain(request, HTTPException(503, f"{full} ({error})" if full else str(error)))


def _health_routes(app: FastAPI, service: Service, standing: Standing) -> None:
    @app.get("/healthz", tags=["health"], responses={503: {"description": "The history cannot be read"}})
    def healthz() -> dict[str, str]:
        """The process answers and its history can be read."""
        service.history.runs(1)
        return {"status": "ok"}

    @app.get("/readyz", tags=["health"], responses={503: {"description": "Not ready; the response says why"}})
    def readyz() -> JSONResponse:
        """The schedule is at work and there is something to read."""
        if service.started_at is None:
            return JSONResponse({"status": "not ready", "reason": "the schedule has not started"}, 503)
        if standing.generation() is None:
            return JSONResponse({"status": "not ready", "reason": "nothing is published yet"}, 503)
        return JSONResponse({"status": "ready"})

    @app.get("/metrics", tags=["health"], response_class=PlainTextResponse)
    def metrics() -> Response:
        """Figures for Prometheus."""
        return Response(render_metrics(service, standing), media_type=CONTENT_TYPE_LATEST)
