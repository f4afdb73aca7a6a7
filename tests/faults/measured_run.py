"""Runs `./analytics run` as a process and measures the largest resident size of each process that belongs to it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
_SAMPLE_SECONDS = 0.05


@dataclass(frozen=True)
class MeasuredRun:
    """How a run ended."""

    code: int
    output: str
    errors: str
    seconds: float
    peaks: dict[str, int]
    """The largest resident size in MiB, by process."""

    @property
    def answer(self) -> dict[str, Any]:
        """What `--json` printed."""
        answer: dict[str, Any] = json.loads(self.output)
        return answer

    @property
    def peak(self) -> int:
        """The size of the largest process, in MiB."""
        return max(self.peaks.values(), default=0)


CLI = (sys.executable, "-m", "cli")
RUN, VERIFY = ("run", "--json"), ("verify",)


def run(transcripts: Path, data: Path, arguments: tuple[str, ...] = RUN, cli: Sequence[str] = CLI) -> MeasuredRun:
    """Run the whole chain, or another command, over these transcripts, days in UTC, and wait for its end."""
    places = ["--transcripts", str(transcripts), "--data", str(data)]
    command = [*cli, *arguments, *places]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TIMEZONE": "UTC", "HOST_NAME": "test"}
    started, peaks = time.monotonic(), dict[int, tuple[str, int]]()
    data.parent.mkdir(parents=True, exist_ok=True)
    printed, complained = data.parent / f"{data.name}.out", data.parent / f"{data.name}.err"
    with printed.open("wb") as output, complained.open("wb") as errors:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=errors)
        while process.poll() is None:
            _measure(process.pid, peaks)
            time.sleep(_SAMPLE_SECONDS)
    by_process = {f"{name} {pid}": kib // 1024 for pid, (name, kib) in peaks.items()}
    seconds = time.monotonic() - started
    return MeasuredRun(process.returncode, _text(printed), _text(complained), seconds, by_process)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _measure(pid: int, peaks: dict[int, tuple[str, int]]) -> None:
    """Note the largest resident size of a process and of all below it; one that has ended is left as it was."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return
    fields = dict(line.split(":", 1) for line in status.splitlines())
    if "VmHWM" in fields:
        peaks[pid] = fields["Name"].strip(), int(fields["VmHWM"].split()[0])
    for child in children:
        _measure(int(child), peaks)
