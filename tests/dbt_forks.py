"""Processes for tests that run builds and commands: forks (forked.py) of two processes, which start when first wanted.

A command line that a test starts is a separate interpreter with the scheduler's real worker, unless it begins with
`Forks.cli`; tests of the real worker ask for `real_dbt`.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from scheduler import dbt_process
from scheduler.dbt_process import DbtProcess
from tests.forked import FORKED, ROOT, SOCKETS
from tests.integration.scheduler.small import make_project

REAL_WORKER = dbt_process.WORKER
WORKER = FORKED if hasattr(os, "pidfd_open") else REAL_WORKER
"""What starts a dbt process here; forks need Linux."""
QUIET = {"PYTHONWARNINGS": "ignore", "OPENBLAS_NUM_THREADS": "1"}
"""The first as the launcher sets it; the second since what is loaded before a fork must not have threads."""


class Forks:
    """The processes that have imported dbt and the command line, and wait."""

    def __init__(self, folder: Path) -> None:
        self.sockets = {kind: folder / kind for kind in SOCKETS}
        self._project = folder / "project"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def begin(self, kind: str) -> None:
        """Start the process of this kind unless it runs, and wait until it can fork."""
        if kind not in self._processes:
            of_dbt = [str(make_project(self._project)), str(ROOT / "dbt" / "macros")] if kind == "dbt" else []
            command = [sys.executable, "-P", str(FORKED), "serve", kind, *of_dbt]
            self._processes[kind] = subprocess.Popen(
                command, env=os.environ | QUIET, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
            )
        while not self.sockets[kind].exists():
            assert self._processes[kind].poll() is None, f"the process that forks {kind} has ended"
            time.sleep(0.02)

    def command_line(self) -> list[str]:
        """Return the beginning of a command that is dbt's own command line, as `./analytics dbt` starts it."""
        if WORKER == FORKED:
            self.begin("dbt")
        return [sys.executable, "-P", str(WORKER), "console"]

    def cli(self) -> list[str]:
        """Return the beginning of a command that is the command line."""
        if WORKER != FORKED:
            return [sys.executable, "-P", "-m", "cli"]
        self.begin("dbt")
        self.begin("cli")
        return [sys.executable, "-P", str(FORKED), "cli"]

    def cli_module(self) -> str:
        """Return the module that runs the command line in a separate interpreter; its dbt is a fork."""
        if WORKER != FORKED:
            return "cli"
        self.begin("dbt")
        return "tests.cli_with_forks"

    def close(self) -> None:
        """End the processes."""
        for process in self._processes.values():
            process.communicate()


@contextmanager
def forks_of_dbt() -> Iterator[Forks]:
    """Let every dbt process that this process starts be a fork."""
    start = DbtProcess.start

    def start_as_a_fork(process: DbtProcess) -> None:
        if dbt_process.WORKER == FORKED:
            forks.begin("dbt")
        start(process)

    # not pytest's folder: the path of a socket may have a hundred characters
    with TemporaryDirectory(prefix="fork") as folder, pytest.MonkeyPatch.context() as patch:
        forks = Forks(Path(folder))
        for kind, socket in forks.sockets.items():
            patch.setenv(SOCKETS[kind], str(socket))
        patch.setattr(dbt_process, "WORKER", WORKER)
        patch.setattr(DbtProcess, "start", start_as_a_fork)
        yield forks
        forks.close()
