"""Runs an appliance as an operator does: in its own checkout with a `.env`, and removes it afterwards."""

import html
import json
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from cli.appliance.bundle import release_files
from cli.appliance.compose import ROOT, ApplianceError, Compose, docker
from cli.appliance.smoke import UID, add_sample, our_images
from cli.appliance.up import credentials
from metabase.client import Client

PATIENCE_SECONDS = 600.0
_FIGURES = """
import duckdb, json
with duckdb.connect("/duckdb/analytics.db", read_only=True) as database:
    print(json.dumps({name: database.execute(sql).fetchone()[0] for name, sql in {
        "lines": "select count(distinct document_id) from raw.conversations",
        "rows": "select count(*) from raw.conversations",
        "sessions": "select count(*) from marts.dim_sessions",
        "tool_calls": "select count(*) from marts.fct_tool_calls",
        "output_tokens": "select sum(output_tokens)::bigint from marts.fct_api_requests",
    }.items()}))
"""


class Appliance:
    """One project over its own copy of a release."""

    def __init__(self, root: Path, transcripts: Path, project: str, **choices: str) -> None:
        """Nothing is started yet."""
        self.compose, self.transcripts = Compose(root=root, project=project), transcripts
        self.choices = {
            "TRANSCRIPTS_DIR": str(transcripts),
            "TRANSCRIPTS_UID": str(UID),
            "HOST_NAME": "trial",
            "SCHEDULER_PORT": "0",
            "METABASE_PORT": "0",
        } | choices
        self.choose()

    def choose(self, **choices: str) -> None:
        """Write `.env` with these choices beside those that every trial makes."""
        lines = [f"{name}={value}\n" for name, value in (self.choices | choices).items()]
        (self.compose.root / ".env").write_text("".join(lines), encoding="utf-8")

    def up(self) -> None:
        """`docker compose up -d --wait`."""
        self.compose.output("up", "--detach", "--wait", "--quiet-pull")

    def says(self, text: str) -> bool:
        """Tell whether the status page, or the page shown instead of it, contains this text now."""
        try:
            answer = requests.get(self._url(), timeout=30)
        except requests.ConnectionError:
            return False
        return text in html.unescape(re.sub(r"<[^>]*>", "", answer.text))

    def wait_until_it_says(self, text: str) -> None:
        """Wait for the page to hold this text."""
        until(lambda: self.says(text), f"the status page to say {text!r}")

    def run(self) -> str:
        """Start a run and return its message at its end."""
        headers = {"Authorization": f"Bearer {self._token()}"}
        started: list[int] = []

        def start() -> bool:
            answer = requests.post(f"{self._url()}/api/runs", json={}, headers=headers, timeout=30)
            started.extend([answer.json()["id"]] if answer.ok else [])
            return answer.ok  # else the run of the schedule is still going

        until(start, "the scheduler to take a run")
        until(lambda: self._status(started[0])["status"] != "running", "the run to end")
        return str(self._status(started[0])["message"])

    def last_run(self) -> int:
        """Return the number of the newest run; 0 where there was none."""
        return max((int(run["id"]) for run in self._runs()), default=0)

    def run_until_one_says(self, text: str, since: int) -> str:
        """Start runs until a message of one after `since` holds this text; the schedule's own runs count as well."""
        found: list[str] = []

        def says_it() -> bool:
            self.run()
            found.extend(run["message"] for run in self._runs() if run["id"] > since and text in (run["message"] or ""))
            return bool(found)

        until(says_it, f"a run to say {text!r}")
        return found[0]

    def figures(self) -> dict[str, int]:
        """Count what is published, in the scheduler's container."""
        found: dict[str, int] = json.loads(self.inside("python", "-c", _FIGURES))
        return found

    def status(self) -> dict[str, Any]:
        """`analytics status --json` in the scheduler's container."""
        found: dict[str, Any] = json.loads(self.inside("analytics", "status", "--json"))
        return found

    def inside(self, *command: str) -> str:
        """Run a command in the scheduler's container; what it prints."""
        return self.compose.output("exec", "-T", "scheduler", *command)

    @contextmanager
    def full(self, volume: str) -> Iterator[None]:
        """Leave no byte free on the disk of this volume, which is small and made for this; make room at the end."""
        self._in_volume(volume, "for size in 1M 4k; do dd if=/dev/zero of=/volume/filler-$size bs=$size || true; done")
        try:
            yield
        finally:
            self._in_volume(volume, "rm /volume/filler-*")

    def metabase(self) -> Client:
        """Sign in to Metabase as its first user."""
        account = credentials(self.compose)
        client = Client(self.compose.address("metabase", 3000))
        client.sign_in(account["metabase_user"], account["metabase_password"])
        return client

    def logs(self, service: str) -> str:
        """Return what a service's container has said so far."""
        return self.compose.output("logs", "--no-log-prefix", service)

    def down(self, *options: str) -> None:
        """`docker compose down`."""
        self.compose.output("--profile", "test", "down", "--timeout", "5", "--remove-orphans", *options)

    def _url(self) -> str:
        return self.compose.address("scheduler", 8321)

    def _token(self) -> str:
        try:
            return credentials(self.compose, "scheduler")["scheduler_token"]
        except ApplianceError:  # what a version before the upgrade calls it
            return self.compose.output("run", "--rm", "--no-deps", "--no-TTY", "init", "show", "runner_token").strip()

    def _in_volume(self, volume: str, script: str) -> None:
        image = self.compose.config()["services"]["init"]["image"]
        mount = f"{self.compose.project}_{volume}:/volume"
        docker(
            "run", "--rm", "--user", "0", "--network", "none", "-v", mount, "--entrypoint", "sh", image, "-c", script
        )

    def _runs(self) -> list[dict[str, Any]]:
        runs: list[dict[str, Any]] = requests.get(f"{self._url()}/api/runs?kind=pipeline", timeout=30).json()
        return runs

    def _status(self, number: int) -> dict[str, Any]:
        run: dict[str, Any] = requests.get(f"{self._url()}/api/runs/{number}", timeout=30).json()["run"]
        return run


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait until it holds; AssertionError names what was waited for."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"expected {what} within {PATIENCE_SECONDS:.0f} s"
        time.sleep(1)  # the page is asked, it does not call


@contextmanager
def operated(folder: Path, **choices: str) -> Iterator[Appliance]:
    """An appliance over a copy of this checkout's files, with a sample of transcripts; its volumes go at the end."""
    copy, transcripts = folder / "checkout", folder / "transcripts"
    for name in release_files(ROOT):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name, follow_symlinks=False)
    add_sample(transcripts, seed=7, days=7)
    appliance = Appliance(copy, transcripts, f"claude-analytics-trial-{secrets.token_hex(3)}", **choices)
    appliance.compose.output("build", "--quiet", *our_images(appliance.compose))
    try:
        yield appliance
    finally:
        appliance.choose()  # a mistake that a test left must not keep it from being taken away
        appliance.down("--volumes")
