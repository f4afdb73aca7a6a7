"""One pipeline at a time on a DuckDB volume: an flock that the kernel frees when its holder dies.

The file also names its holder, for people. Only the flock counts: the name of a killed process is ignored.
"""

import fcntl
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from common.errors import AnalyticsError

EXIT_CODE_LOCKED = 75
"""The exit code of a command that found the lock taken (EX_TEMPFAIL: try again later)."""

_PROBE_GRACE_SECONDS = 0.25  # `holder()` takes the lock briefly; a scheduler must not fail because of that
_COMMAND_CHARACTERS = 200


@dataclass(frozen=True)
class Holder:
    """The holder of the lock."""

    pid: int
    host: str
    command: str
    purpose: str
    since: datetime

    def __str__(self) -> str:
        since = self.since.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
        return f"{self.purpose} by process {self.pid} on {self.host} since {since}: {self.command}"


class LockHeld(AnalyticsError):
    """Another process holds the pipeline lock; the message names it."""

    exit_code = 75

    def __init__(self, path: Path, holder: Holder | None) -> None:
        self.path, self.holder = path, holder
        who = holder or "unknown holder"
        super().__init__(f"another run holds the lock {path} ({who}); wait for it to end")


class PipelineLock:
    """The lock of one volume. Every hold opens the file again, so threads of one process exclude each other too."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def hold(
        self, purpose: str = "pipeline", wait_seconds: float = 0, stop: threading.Event | None = None
    ) -> Iterator[None]:
        """Hold the lock in this block. Raises LockHeld if it stays taken for `wait_seconds` or until `stop` is set."""
        descriptor = self._acquire(wait_seconds, stop or threading.Event())
        try:
            _write(descriptor, _me(purpose))
            yield
        finally:
            os.ftruncate(descriptor, 0)
            os.close(descriptor)

    def holder(self) -> Holder | None:
        """Return the current holder, or None if the lock is free. An unreadable name is shown as unknown."""
        with suppress(FileNotFoundError):
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                if not _lock(descriptor, fcntl.LOCK_SH):
                    return self._named() or Holder(0, "unknown", "unknown", "pipeline", datetime.now(UTC))
            finally:
                os.close(descriptor)
        return None

    def _acquire(self, wait_seconds: float, stop: threading.Event) -> int:
        deadline = time.monotonic() + max(wait_seconds, _PROBE_GRACE_SECONDS)
        pause = 0.02
        while True:
            descriptor = self._try()
            if descriptor is not None:
                return descriptor
            if time.monotonic() >= deadline or stop.wait(pause):
                raise LockHeld(self.path, self._named())
            pause = min(pause * 1.5, 1.0)

    def _try(self) -> int | None:
        """Return the locked descriptor, or None. A file that was replaced meanwhile (by a restore) is not the lock."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        if _lock(descriptor, fcntl.LOCK_EX) and _is_file(descriptor, self.path):
            return descriptor
        os.close(descriptor)
        return None

    def _named(self) -> Holder | None:
        with suppress(OSError, ValueError, KeyError, TypeError):
            fields = json.loads(self.path.read_text(encoding="utf-8"))
            return Holder(**fields | {"since": datetime.fromisoformat(fields["since"])})
        return None


def _lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _me(purpose: str) -> Holder:
    program, *arguments = sys.orig_argv or ["python"]
    command = " ".join([Path(program).name, *arguments])[:_COMMAND_CHARACTERS]
    return Holder(os.getpid(), socket.gethostname(), command, purpose, datetime.now(UTC))


def _write(descriptor: int, holder: Holder) -> None:
    text = json.dumps(asdict(holder) | {"since": holder.since.isoformat()})
    os.ftruncate(descriptor, 0)
    with suppress(OSError):  # a full disk: the lock works without a name, and the run will report the problem
        os.pwrite(descriptor, text.encode(), 0)
