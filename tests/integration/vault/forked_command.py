"""Commands of the command line in forks of the tests' own process, which has imported all that they need."""

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import IO

from cli.main import app

FORK = multiprocessing.get_context("fork")


def start(
    *arguments: object, cwd: Path, said: "IO[bytes] | None" = None, limit: Callable[[], None] = lambda: None
) -> ForkProcess:
    """Start a command in this folder, without settings but the machine's name; nothing hears what it says."""
    process = FORK.Process(target=_run, args=(list(map(str, arguments)), cwd, said, limit))
    process.start()
    return process


def ended(process: ForkProcess) -> int | None:
    """Wait for a command's end, and return its exit code."""
    process.join()
    return process.exitcode


def answer_of(*arguments: object, cwd: Path, limit: Callable[[], None]) -> tuple[int | None, str]:
    """Run a command under a limit; return its exit code and what it wrote to standard error."""
    with tempfile.TemporaryFile() as said:
        code = ended(start(*arguments, cwd=cwd, said=said, limit=limit))
        said.seek(0)
        return code, said.read().decode()


def _run(arguments: list[str], cwd: Path, said: "IO[bytes] | None", limit: Callable[[], None]) -> None:
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update({"PATH": "/usr/bin:/bin", "HOST_NAME": "laptop", "HOME": str(cwd)})
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - no path of a file
        os.dup2(nowhere.fileno(), 1)
        os.dup2((said or nowhere).fileno(), 2)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
    limit()
    app(arguments, prog_name="analytics")
