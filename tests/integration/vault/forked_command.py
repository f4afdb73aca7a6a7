"""Commands in forks of the tests' own process, which has imported all that they need."""

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import IO

from cli.main import app

FORK = multiprocessing.get_context("fork")


def start(
    *arguments: object, cwd: Path, said: "IO[bytes] | None" = None, limit: Callable[[], None] = lambda: None
) -> ForkProcess:
    """Start a command of the command line, without settings but the machine's name; `said` gets its errors."""

    def command() -> None:
        limit()
        app(list(map(str, arguments)), prog_name="analytics")

    environment = {"PATH": "/usr/bin:/bin", "HOST_NAME": "laptop", "HOME": str(cwd)}
    return begin(command, cwd=cwd, environment=environment, error=said)


def begin(
    command: Callable[[], int | None],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    output: "IO[bytes] | None" = None,
    error: "IO[bytes] | None" = None,
) -> ForkProcess:
    """Start a command in this folder with this environment alone; it ends with the exit code that it returns."""
    process = FORK.Process(target=_become, args=(command, cwd, environment, output, error))
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


def _become(
    command: Callable[[], int | None],
    cwd: Path,
    environment: Mapping[str, str],
    output: "IO[bytes] | None",
    error: "IO[bytes] | None",
) -> None:
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - no path of a file
        os.dup2((output or nowhere).fileno(), 1)
        os.dup2((error or nowhere).fileno(), 2)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
    sys.exit(command())
