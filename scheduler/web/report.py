"""The report as the status page serves it, with the files beside it, from which it loads sessions and searches.

It contains transcript content, so it is sandboxed from this origin and its cookie. Such a page's requests carry no
cookie, so the address of its folder contains a key for those who may see it.
"""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse, RedirectResponse

from common.paths import DataPaths
from scheduler.web.auth import Gate

# Scripts of the page itself and of the files beside it; eval is for the dbt docs.
SANDBOX = (
    "sandbox allow-scripts allow-popups; default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval';"
    " style-src 'unsafe-inline'; img-src data: blob:; font-src data:; worker-src blob:"
)
_Name = Annotated[str, PathParameter(pattern=r"^[\w-]{1,80}$")]


def report_routes(gate: Gate, paths: DataPaths) -> APIRouter:
    """The routes of the report and of its files."""
    router = APIRouter(include_in_schema=False)

    @router.get("/report")
    def report(request: Request) -> Response:
        gate.require_details(request)
        require_file(paths.report, "the report")
        return RedirectResponse(f"/report/{gate.report_key()}/", 303)

    @router.get("/report/{key}/")
    def page(key: str) -> Response:
        if not gate.opens_report(key):  # an old bookmark: what stands behind its # comes along
            return RedirectResponse("/report", 303)
        return sandboxed(paths.report, "the report")

    @router.get("/report/{key}/report_sessions/{name}.js")
    def session(key: str, name: _Name) -> Response:
        if not gate.opens_report(key):
            raise HTTPException(401, "open the report again from the status page")
        file = paths.report_sessions / f"{name}.js"
        if not file.is_file():
            raise HTTPException(404, "the report does not have this file")
        # the page that asks is a stranger: what keeps others out is the key in the address
        return FileResponse(
            file, media_type="text/javascript", headers={"Cross-Origin-Resource-Policy": "cross-origin"}
        )

    return router


def require_file(path: Path, what: str) -> None:
    """Raise 404 where nothing was published yet."""
    if not path.is_file():
        raise HTTPException(404, f"{what} is available after the next run that publishes")


def sandboxed(path: Path, what: str) -> Response:
    """Return a page made from the transcripts' content, as a stranger to this origin."""
    require_file(path, what)
    return FileResponse(path, media_type="text/html", headers={"Content-Security-Policy": SANDBOX})
