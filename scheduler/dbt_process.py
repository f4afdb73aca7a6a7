"""The parent's side of the warm dbt process: starts it, sends commands, ends it when it hangs. See dbt_worker.py."""

import json
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from common.errors import PassingError

DbtEvent = dict[str, Any]
"""level, name, message; index and total (0 where dbt gives none) of a node that finished."""

WORKER = Path(__file__).with_name("dbt_worker.py")

_POLL_SECONDS = 0.1
_INTERRUPT_SECONDS = 10.0


class DbtInterruptedError(Exception):
    """dbt was ended before it finished: its time limit was reached, or the run was stopped."""


class DbtProcessError(PassingError):
    """The dbt process ended unexpectedly (killed, out of memory); the next command gets a new one."""


class DbtProcess:
    """One warm process, started when first needed. Not thread-safe: callers hold the pipeline lock."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._process: subprocess.Popen[str] | None = None
        self._messages: queue.Queue[DbtEvent | None] = queue.Queue()
        self._is_preparing = False

    def start(self) -> None:
        """Begin to import dbt (three seconds) without waiting for it; nothing happens when it runs already."""
        if self._process is not None and self._process.poll() is None:
            return
        self._log.parent.mkdir(parents=True, exist_ok=True)
        # -P: neither `dbt/` nor `scheduler/dbt_project.py` of this repository may shadow the package
        command = [sys.executable, "-P", str(WORKER)]
        with self._log.open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
                start_new_session=True,  # Ctrl-C reaches only the scheduler, which decides whether the build ends
            )
        self._messages, self._is_preparing = queue.Queue(), False
        arguments = (self._process, self._messages)
        threading.Thread(target=_forward, args=arguments, name="dbt-messages", daemon=True).start()

    def prepare(self, args: list[str], env: Mapping[str, str], database: Path) -> None:
        """Begin a command that opens no database, such as `parse`, without waiting for it; `run` comes after it."""
        self.start()
        if not self._is_preparing:
            self._send({"args": args, "env": dict(env), "database": str(database)})
            self._is_preparing = True

    def run(
        self,
        args: list[str],
        env: Mapping[str, str],
        database: Path,
        *,
        on_event: Callable[[DbtEvent], None],
        stop: threading.Event,
        time_limit: float | None,
    ) -> tuple[bool, str | None]:
        """Run one command; return whether it succeeded, and why dbt itself stopped. `database` is closed afterwards."""
        self.start()
        deadline = None if time_limit is None else time.monotonic() + time_limit
        try:
            self._send({"args": args, "env": dict(env), "database": str(database)})
            if self._is_preparing:  # the next command reports its errors again
                self._wait(lambda _: None, stop, deadline)
                self._is_preparing = False
            done = self._wait(on_event, stop, deadline)
        except BaseException:
            self.close()  # after any error, the caller releases its lock soon, and the build must not outlive it
            raise
        if done["holds"]:
            self.close()
        return bool(done["success"]), done["error"]

    def close(self) -> None:
        """End the process: closing its standard input is enough unless it is stopped or stuck."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin:
            process.stdin.close()
        _end(process)

    def _send(self, request: DbtEvent) -> None:
        process = self._process
        if process is None or process.stdin is None:
            raise DbtProcessError("the dbt process is not running")
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            raise self._died() from None

    def _wait(self, on_event: Callable[[DbtEvent], None], stop: threading.Event, deadline: float | None) -> DbtEvent:
        while True:
            if stop.is_set() or (deadline is not None and time.monotonic() > deadline):
                self._interrupt()
                raise DbtInterruptedError("the run was told to stop" if stop.is_set() else "its time limit was reached")
            try:
                message = self._messages.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue
            if message is None:
                raise self._died()
            if "done" in message:
                done: DbtEvent = message["done"]
                return done
            if "event" in message:
                on_event(message["event"])

    def _interrupt(self) -> None:
        """Let dbt cancel its queries, then end the process: the next command gets a fresh one."""
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGINT)
            self._drain(time.monotonic() + _INTERRUPT_SECONDS)
        self.close()

    def _drain(self, deadline: float) -> None:
        while (left := deadline - time.monotonic()) > 0:
            try:
                message = self._messages.get(timeout=left)
            except queue.Empty:
                return
            if message is None or "done" in message:
                return

    def _died(self) -> DbtProcessError:
        code = self._process.wait() if self._process else None
        self.close()
        return DbtProcessError(f"the dbt process ended with exit code {code}; see its output in {self._log}")


def _forward(process: "subprocess.Popen[str]", messages: "queue.Queue[DbtEvent | None]") -> None:
    if process.stdout is not None:
        with process.stdout as lines:
            for line in lines:
                messages.put(json.loads(line))
    messages.put(None)


def _end(process: "subprocess.Popen[str]") -> None:
    try:
        process.wait(timeout=_INTERRUPT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
