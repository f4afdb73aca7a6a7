"""Starts programs and measures them: seconds, CPU seconds of the whole tree, and the most memory of each process.

Memory, and the CPU time of processes that keep running, are read from /proc; systems without /proc do not record them.
A program runs in a process group: only that group and the program's descendants are ever ended.
"""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.errors import BenchError, tail

_PROC = Path("/proc")
_LOOK_SECONDS, _SAMPLE_EVERY = 0.02, 5
_END_SECONDS = 60
_CPU_FIELDS = slice(11, 15)
"""Of /proc/PID/stat behind the name: user and system time, then those of the children that were waited for."""


@dataclass
class Tree:
    """A process and all below it."""

    root: int
    peaks: dict[int, tuple[str, int]] = field(default_factory=dict)
    """By process: its name and the most memory that was ever resident, in KiB."""

    def sample(self) -> None:
        """Note the memory of every process that is alive."""
        for pid in self.alive():
            with contextlib.suppress(OSError, ValueError):
                status = (_PROC / str(pid) / "status").read_text(encoding="utf-8", errors="replace")
                if (peak := status.partition("VmHWM:")[2].split()[:1]) and (name := _name(pid)):
                    self.peaks[pid] = name, int(peak[0])

    def cpu_seconds(self) -> float | None:
        """Return the CPU time of the processes alive and of those that they have waited for."""
        if not _PROC.exists():
            return None
        ticks = 0
        for pid in self.alive():
            with contextlib.suppress(OSError):
                stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
                ticks += sum(map(int, stat.rpartition(")")[2].split()[_CPU_FIELDS]))
        return ticks / os.sysconf("SC_CLK_TCK")

    def peak_mib(self) -> dict[str, float]:
        """Return the most memory by process name; a second process of one name gets a number."""
        seen: Counter[str] = Counter()
        found: dict[str, float] = {}
        for _, (name, kib) in sorted(self.peaks.items()):
            seen[name] += 1
            found[name if seen[name] == 1 else f"{name} {seen[name]}"] = round(kib / 1024, 1)
        return found

    def alive(self, pid: int | None = None) -> Iterator[int]:
        """Yield the processes that are alive now, each before those below it."""
        pid = pid or self.root
        yield pid
        with contextlib.suppress(OSError):
            for task in (_PROC / str(pid) / "task").iterdir():
                for child in (task / "children").read_text(encoding="ascii").split():
                    yield from self.alive(int(child))


def _name(pid: int) -> str:
    """Return what a process runs: `cli run` (a module with its argument), `dbt_worker` (a script), or `node`."""
    words = (_PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    if "-m" in words[:4]:
        module = words.index("-m") + 1
        return " ".join(words[module : module + 2])
    script = next((word for word in words[1:4] if word.endswith(".py")), None)
    return Path(script).stem if script else Path(words[0]).name


@dataclass(frozen=True)
class Finished:
    """A program that ended."""

    output: str
    errors: str
    began: datetime
    seconds: float
    cpu_seconds: float
    peak_mib: dict[str, float]

    def answer(self, what: str) -> dict[str, Any]:
        """Return the JSON object that it printed. Raises BenchError, which names the program, where it printed none."""
        try:
            answer = json.loads(self.output)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise BenchError(f"{what}: expected a JSON object, found: {tail(self.output)}")
        return answer


@contextlib.contextmanager
def started(
    command: Sequence[str | Path], folder: Path, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program that prints to `out` and `err` in this folder, and see that its group is gone afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        stop(process)


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End a program and what it has started: gently, and after a minute by force."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:  # descendants may be in another process group
            for pid in reversed(list(Tree(process.pid).alive())):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def measure(what: str, command: Sequence[str | Path], folder: Path, environment: Mapping[str, str]) -> Finished:
    """Run a program to its end. Raises BenchError, which names it as `what`, where it fails."""
    began, clock = datetime.now(UTC), time.perf_counter()
    try:
        with started(command, folder, environment) as process:
            tree = Tree(process.pid)
            code, cpu_seconds = _wait(process, tree)
            seconds = time.perf_counter() - clock
    except OSError as error:
        raise BenchError(f"{what}: expected a program that starts, found: {error}") from None
    output, errors = printed(folder)
    if code:
        raise BenchError(f"{what}: expected it to succeed, found exit code {code}: {tail(errors or output)}")
    return Finished(output, errors, began, seconds, cpu_seconds, tree.peak_mib())


def _wait(process: "subprocess.Popen[bytes]", tree: Tree) -> tuple[int, float]:
    """Wait for the end; the CPU time is the kernel's own account of the program and all that it has waited for."""
    polls = 0
    while True:
        if polls % _SAMPLE_EVERY == 0:
            tree.sample()
        polls += 1
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode, usage.ru_utime + usage.ru_stime
        time.sleep(_LOOK_SECONDS)


def printed(folder: Path) -> tuple[str, str]:
    """Return what a program has printed to its output and its errors."""
    output, errors = ((folder / name).read_text(encoding="utf-8", errors="replace") for name in ("out", "err"))
    return output, errors
