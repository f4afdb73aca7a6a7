"""dbt processes for tests that run a build: forks (forked_dbt.py) of one process, which starts when first wanted.

A command line that a test starts has the scheduler's real worker, unless it begins with `Forks.cli`, and so have tests
of that worker (`real_dbt`).
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
from tests.forked_dbt import FORKED_DBT, SOCKET
from tests.integration.scheduler.small import make_project

REAL_WORKER = dbt_process.WORKER
WORKER = FORKED_DBT if hasattr(os, "pidfd_open") else REAL_WORKER
"""What starts a dbt process here; forks need Linux."""


class Forks:
    """The process that has imported dbt and waits."""

    def __init__(self, folder: Path) -> None:
        self.socket, self._project = folder / "socket", folder / "project"
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Start the process unless it runs, and wait until it can fork."""
        if self._process is None:
            command = [sys.executable, "-P", str(FORKED_DBT), "serve", str(make_project(self._project))]
            quiet = os.environ | {"PYTHONWARNINGS": "ignore"}  # as the launcher sets it
            self._process = subprocess.Popen(command, env=quiet, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        while not self.socket.exists():
            assert self._process.poll() is None, "the process that forks dbt has ended"
            time.sleep(0.02)

    def command_line(self) -> list[str]:
        """Return the beginning of a command that is dbt's own command line, as `./analytics dbt` starts it."""
        if WORKER == FORKED_DBT:
            self.begin()
        return [sys.executable, "-P", str(WORKER), "console"]

    def cli(self) -> list[str]:
        """Return the beginning of a command that is the command line with such a dbt."""
        if WORKER == FORKED_DBT:
            self.begin()
        return [sys.executable, "-P", "-m", "tests.cli_with_forks" if WORKER == FORKED_DBT else "cli"]

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.communicate()


@contextmanager
def forks_of_dbt() -> Iterator[Forks]:
    """Let every dbt process that this process starts be a fork."""
    start = DbtProcess.start

    def start_as_a_fork(process: DbtProcess) -> None:
        if dbt_process.WORKER == FORKED_DBT:
            forks.begin()
        start(process)

    # not pytest's folder: the path of a socket may have a hundred characters
    with TemporaryDirectory(prefix="dbt") as folder, pytest.MonkeyPatch.context() as patch:
        forks = Forks(Path(folder))
        patch.setenv(SOCKET, str(forks.socket))
        patch.setattr(dbt_process, "WORKER", WORKER)
        patch.setattr(DbtProcess, "start", start_as_a_fork)
        yield forks
        forks.close()
