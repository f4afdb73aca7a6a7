"""Python's fork server with what tests start again and again: a process costs its work, and not its imports."""

import multiprocessing
import os
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.standin_metabase.application_db import Content

LOADED = ["tests.integration.fork_server", "tests.integration.scheduler.writer", "tests.standin_metabase.__main__"]
"""There is one fork server in a process, which loads this before it forks for the first time."""


def fork_server() -> ForkServerContext:
    """Return the context that starts processes."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LOADED)
    return context


def stand_in(port: int, log: Path, content: "Content | None" = None) -> None:
    """Be the stand-in for Metabase, with this content if there is some, and write what it says to a file."""
    from tests.standin_metabase.__main__ import serve  # noqa: PLC0415 (not needed where the process is not one)

    with log.open("wb") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    serve(port, content=content)
