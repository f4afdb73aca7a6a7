"""Our own chain as a user runs it: `./analytics run` as a new process, and runs asked of `./analytics serve`."""

import contextlib
import os
import secrets
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import requests

from bench.errors import BenchError, tail
from bench.figures import Sample
from bench.mongo_server import free_port
from bench.processes import Tree, measure, printed, started
from common.settings import FORMER_NAMES, Settings

ROOT = Path(__file__).resolve().parent.parent
_READY_SECONDS, _POLL_SECONDS = 300, 0.1


def environment(**settings: str) -> dict[str, str]:
    """Return an environment without this machine's settings: every run is measured with the defaults, days in UTC.

    No step is cut short: a first import of millions of lines may take longer than STEP_TIMEOUT_SECONDS allows.
    """
    names = {name.upper() for name in (*Settings.model_fields, *FORMER_NAMES.values())}
    ours = names | {f"{name}_FILE" for name in names} | {"CLAUDE_CONFIG_DIR"}
    kept = {name: value for name, value in os.environ.items() if name.upper() not in ours}
    fixed = {"PYTHONPATH": str(ROOT), "TIMEZONE": "UTC", "HOST_NAME": "bench", "STEP_TIMEOUT_SECONDS": "86400"}
    return kept | fixed | {name.upper(): value for name, value in settings.items()}


def python(*arguments: str | Path) -> list[str | Path]:
    """Return a command of one of our modules in a new interpreter."""
    return [sys.executable, "-P", "-m", *arguments]


OURS = tuple(python("cli"))


def run(
    transcripts: Path, data: Path, *, launcher: Path | None = None, settings: Mapping[str, str] | None = None
) -> Sample:
    """Run the chain once as a new process: ours, or what a launcher starts.

    Raises BenchError where the run does not succeed.
    """
    command: tuple[str | Path, ...] = OURS if launcher is None else (launcher,)
    what = f"{launcher or './analytics'} run"
    places = ("--transcripts", transcripts, "--data", data)
    beside = data.with_name(f"{data.name}.run")
    done = measure(what, [*command, "run", "--json", *places], beside, environment(**settings or {}))
    steps = _steps(done.answer(what)["steps"], done.began)
    return Sample(done.seconds, done.cpu_seconds, steps, done.peak_mib)


def _steps(steps: list[dict[str, Any]], began: datetime) -> dict[str, float]:
    """Return the seconds of each step, those before the first one, and those until something was published."""
    seconds = {step["name"]: float(step["seconds"]) for step in steps}
    starts = {step["name"]: (datetime.fromisoformat(step["started_at"]) - began).total_seconds() for step in steps}
    if starts:
        seconds["start_up"] = min(starts.values())
    if "publish" in starts:
        seconds["published"] = starts["publish"] + seconds["publish"]
    return seconds


@dataclass(frozen=True)
class Warm:
    """A service at work, and how to ask it for runs."""

    url: str
    token: str
    tree: Tree

    def run(self) -> Sample:
        """Let the service run once. Raises BenchError where the run does not succeed."""
        before = self.tree.cpu_seconds()
        reply = self._finished(self._ask("post", "/api/runs")["id"])
        after, found = self.tree.cpu_seconds(), reply["run"]
        if found["status"] not in ("succeeded", "unchanged"):
            raise BenchError(f"serve: expected a run that succeeds, found {found['status']}: {found['message']}")
        steps = _steps(reply["steps"], datetime.fromisoformat(found["started_at"]))
        spent = after - before if before is not None and after is not None else None
        return Sample(float(found["seconds"]), spent, steps, self.tree.peak_mib())

    def _ask(self, method: str, path: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token}"}
        try:
            answer = requests.request(method, self.url + path, headers=headers, timeout=60)
            answer.raise_for_status()
            reply: dict[str, Any] = answer.json()
        except requests.RequestException as error:
            raise BenchError(f"serve: expected an answer to {method} {path}, found: {error}") from None
        return reply

    def _finished(self, number: int) -> dict[str, Any]:
        while True:
            self.tree.sample()
            reply = self._ask("get", f"/api/runs/{number}")
            if reply["run"]["finished_at"]:
                return reply
            time.sleep(_POLL_SECONDS)


@contextlib.contextmanager
def serve(transcripts: Path, data: Path) -> Iterator[Warm]:
    """Start the service with its schedule off, on a free port of loopback; end it afterwards."""
    port, token, beside = free_port(), secrets.token_hex(16), data.with_name(f"{data.name}.serve")
    off = environment(
        SCHEDULE="off", MAINTENANCE_SCHEDULE="off", SCHEDULER_TOKEN=token, SCHEDULER_PORT=str(port), LOG_LEVEL="WARNING"
    )
    command = [*OURS, "serve", "--transcripts", transcripts, "--data", data]
    with started(command, beside, off) as process:
        url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + _READY_SECONDS
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise BenchError(
                    f"./analytics serve: expected an answer at {url}, found none: {tail(printed(beside)[1])}"
                )
            time.sleep(_POLL_SECONDS)
        yield Warm(url, token, Tree(process.pid))


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/healthz", timeout=5).ok
    except requests.RequestException:
        return False
