"""A process that has imported the chain and forks a child for each run: a run costs its work, and not its imports.

python -m tests.faults.fork_server      # a line of JSON per request on standard input, one per answer
"""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from tests.faults.chain import Task, fork

ROOT = Path(__file__).resolve().parents[2]


class ForkServer:
    """The client's side: starts the process, then runs in it."""

    def __init__(self, **environment: str) -> None:
        """Start the process with these variables beside those of this one."""
        variables = os.environ | {"PYTHONPATH": str(ROOT)} | environment
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.faults.fork_server"],
            cwd="/",
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._turn = threading.Lock()

    def start(self, task: Task) -> int:
        """Start a run and return its process id."""
        return int(self._ask({"start": task}))

    def wait(self, pid: int) -> int:
        """Wait for a run; return its exit code, negative the signal that ended it."""
        return int(self._ask({"wait": pid}))

    def _ask(self, request: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._turn:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)
        assert self._process.stdout is not None
        self._process.stdout.close()


def serve() -> None:
    """Answer requests until standard input ends."""
    for line in sys.stdin:
        request = json.loads(line)
        if "start" in request:
            answer = fork(request["start"])
        else:
            answer = os.waitstatus_to_exitcode(os.waitpid(request["wait"], 0)[1])
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    serve()
