"""The vault as a small HTTP service: the appliance's scheduler calls it, for only the vault reaches what it saves."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Body, FastAPI, Request
from pydantic import SecretStr

from common.loader_results import BackedUp
from loader.http_service import Progress, Work, create_service, perform
from vault.forget_service import Forgetter, forget_routes

Make = Callable[[bool, Progress], BackedUp]


def create_app(make: Make, token: SecretStr, work: Work, folder: Path, forgetter: Forgetter | None = None) -> FastAPI:
    """The service over what makes a backup; `folder` is where the disk is that its metrics tell of."""
    router = APIRouter()

    @router.post("/backup")
    async def backup(request: Request, full: Annotated[bool, Body(embed=True)] = False) -> BackedUp:
        """Make a backup of what cannot be made again."""
        return await perform(work, request, "backup", lambda progress: make(full, progress))

    if forgetter is not None:
        router.include_router(forget_routes(work, forgetter))
    return create_service("vault", router, token, work, folder)
