"""Forgetting over HTTP: the appliance's scheduler asks, and the vault, whose account may delete, does it."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Body, Request

from common.loader_results import Counted, Done, ForgetLog, Selected
from common.settings import Settings
from loader.http_service import Work, perform
from records import RecordStore, open_store
from records.sweep import sweep
from vault.cleaning import samples_in
from vault.forget import begin, finish, log_of
from vault.metabase_values import delete_kept_values
from vault.proof import search_store
from vault.selection import Wanted, select
from vault.text_removal import begin_text, blank_lines, end_text, reduce_lines

Result = TypeVar("Result")
Text = Annotated[str, Body(embed=True)]
Counts = Annotated[dict[str, float], Body(embed=True)]


@dataclass(frozen=True)
class Forgetter:
    """Forgets in the record store that the settings name, a connection for each step."""

    settings: Settings

    def log(self) -> ForgetLog:
        """Return the log of requests."""
        return self._with_store(log_of)

    def select(self, kind: str, value: str) -> Selected:
        """Return what a request would remove."""
        wanted = Wanted(kind, value, self.settings.timezone)
        return self._with_store(lambda store: select(store, wanted).describe())

    def begin(self, kind: str, value: str, asked_by: str, reason: str | None, counts: dict[str, float]) -> Done:
        """Write a request down; nothing is deleted yet."""
        wanted = Wanted(kind, value, self.settings.timezone)

        def write(store: RecordStore) -> Done:
            request = begin(store, select(store, wanted), self.settings.data_dir, asked_by, reason, counts)
            return Done(message=request.id)

        return self._with_store(write)

    def remove(self) -> Done:
        """Delete from the record store, and empty the query results and filter values that Metabase cached."""
        swept = self._with_store(sweep)
        if self.settings.metabase_database_uri is not None:
            delete_kept_values(self.settings.metabase_database_uri)
        return Done(message=f"{swept} deleted from the record store")

    def finish(self, proof: str) -> Done:
        """Search the record store and close the requests; the message is empty, or says where something is left."""

        def close(store: RecordStore) -> Done:
            found = search_store(store, samples_in(self.settings.data_dir, log_of(store).unfinished))
            if found:
                return Done(message=", ".join(sorted(found)[:5]))
            if self.settings.metabase_database_uri is not None:
                delete_kept_values(self.settings.metabase_database_uri)
            finish(store, self.settings.data_dir, proof)
            return Done(message="")

        return self._with_store(close)

    def begin_text(self, before: datetime, lines: int) -> Done:
        """Write down that texts are removed."""
        return Done(message=self._with_store(lambda store: begin_text(store, before, lines)).id)

    def reduce(self, kept: dict[str, dict[str, Any]]) -> Counted:
        """Replace the texts of these lines with the given facts; return the number of lines changed."""
        return Counted(lines=self._with_store(lambda store: reduce_lines(store, self.settings.data_dir, kept)))

    def blank(self, line_ids: list[str]) -> Counted:
        """Overwrite rejected lines with question marks of the same length; return the number of lines overwritten."""
        return Counted(lines=self._with_store(lambda store: blank_lines(store, self.settings.data_dir, line_ids)))

    def end_text(self) -> Done:
        """Erase the removed texts from the store's files, and empty what Metabase cached."""
        self._with_store(lambda store: end_text(store, self.settings.data_dir))
        if self.settings.metabase_database_uri is not None:
            delete_kept_values(self.settings.metabase_database_uri)
        return Done(message="")

    def _with_store(self, work: Callable[[RecordStore], Result]) -> Result:
        with closing(open_store(self.settings, "claude-analytics-forget")) as store:
            return work(store)


def forget_routes(work: Work, forgetter: Forgetter) -> APIRouter:
    """Return the routes of forgetting; each step runs by itself."""
    router = APIRouter(prefix="/forget")

    @router.get("/log")
    def log() -> ForgetLog:
        """Return the request log."""
        return forgetter.log()

    @router.post("/select")
    async def choose(request: Request, kind: Text, value: Text) -> Selected:
        """Return what a request would remove."""
        return await perform(work, request, "select", lambda _: forgetter.select(kind, value), tells=False)

    @router.post("/begin")
    async def write(
        request: Request,
        kind: Text,
        value: Text,
        asked_by: Text,
        counts: Counts,
        reason: Annotated[str | None, Body(embed=True)] = None,
    ) -> Done:
        """Write a request down."""
        return await perform(work, request, "begin", lambda _: forgetter.begin(kind, value, asked_by, reason, counts))

    @router.post("/remove")
    async def remove(request: Request) -> Done:
        """Delete from the record store what was asked for."""
        return await perform(work, request, "remove", lambda _: forgetter.remove())

    @router.post("/finish")
    async def close(request: Request, proof: Text) -> Done:
        """Close the requests."""
        return await perform(work, request, "finish", lambda _: forgetter.finish(proof))

    _text_routes(router, work, forgetter)
    return router


def _text_routes(router: APIRouter, work: Work, forgetter: Forgetter) -> None:
    @router.post("/text/begin")
    async def begin(request: Request, before: Annotated[datetime, Body()], lines: Annotated[int, Body()]) -> Done:
        """Write down that texts are removed."""
        return await perform(work, request, "text", lambda _: forgetter.begin_text(before, lines), tells=False)

    @router.post("/text/reduce")
    async def reduce(request: Request, kept: Annotated[dict[str, dict[str, Any]], Body(embed=True)]) -> Counted:
        """Replace the texts of these lines with the given facts; return the number of lines changed."""
        return await perform(work, request, "text", lambda _: forgetter.reduce(kept), tells=False)

    @router.post("/text/blank")
    async def blank(request: Request, line_ids: Annotated[list[str], Body(embed=True)]) -> Counted:
        """Overwrite rejected lines with question marks of the same length; return the number of lines overwritten."""
        return await perform(work, request, "text", lambda _: forgetter.blank(line_ids), tells=False)

    @router.post("/text/end")
    async def end(request: Request) -> Done:
        """Erase what was removed."""
        return await perform(work, request, "text", lambda _: forgetter.end_text())
