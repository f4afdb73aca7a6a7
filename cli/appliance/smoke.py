"""`./analytics smoke`: starts the user's compose.yaml in a separate project, tests it, and removes it again.

It adds sample transcripts; the smoke service (tests/smoke) starts runs and recounts what was published, while readers
query all the time. Then it adds more transcripts, kills every container in turn during a run and restarts it with
`up`, after which the figures must agree again. The user's containers, volumes and .env are not changed.
"""

import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import requests

from cli.appliance.compose import ONE_SHOTS, ApplianceError, Compose, docker
from cli.appliance.up import SECRETS, credentials
from sample.transcripts import write_sample

Say = Callable[[str], None]
_SMOKE = ("--profile", "test", "run", "--rm", "--no-deps", "--no-TTY", "smoke")
UID = 1000
SAMPLE_DAY = date(2026, 6, 30)
"""The sample is the same every time, so that a failure can be repeated."""


def smoke(say: Say, *, keep: bool = False) -> dict[str, Any]:
    """Run the smoke test in a new Compose project, removed unless `keep` is set; return the results and timings."""
    started = time.monotonic()
    report: dict[str, Any] = {}
    with _project(keep=keep) as (compose, transcripts):
        add_sample(transcripts, seed=7, days=14)
        compose.run("--profile", "test", "build", "--quiet", *our_images(compose))
        report["up"] = _timed(
            say, "start from an empty host", lambda: compose.run("up", "--detach", "--wait", "--quiet-pull")
        )
        _look_for_secrets(compose)
        say("no secret is in what `docker inspect` shows")
        report["first"] = _timed(say, "first run", lambda: _check(compose))
        add_sample(transcripts, seed=8, days=3)
        report["second"] = _timed(say, "second run, with more transcripts", lambda: _check(compose))
        report["kills"] = {
            name: _timed(say, f"kill {name} in a run, up", partial(_kill, compose, transcripts, name, seed))
            for seed, name in enumerate(_lasting(compose), start=100)
        }
        report["after"] = _timed(say, "after all that", lambda: _check(compose))
    return report | {"seconds": round(time.monotonic() - started, 1)}


def _lasting(compose: Compose) -> list[str]:
    return [name for name in compose.config()["services"] if name not in ONE_SHOTS]


def our_images(compose: Compose) -> list[str]:
    """Return the images built from this checkout. Metabase's image is built by `up` if it is missing."""
    services = compose.config("test")["services"]
    return [name for name, service in services.items() if "build" in service and name != "metabase"]


@contextmanager
def _project(*, keep: bool) -> Iterator[tuple[Compose, Path]]:
    """A project with a name, ports and its own transcripts folder."""
    folder = Path(tempfile.mkdtemp(prefix="claude-analytics-smoke-"))
    transcripts = folder / "projects"
    transcripts.mkdir()
    folder.chmod(0o755)
    choices = {
        "TRANSCRIPTS_DIR": str(transcripts),
        "TRANSCRIPTS_UID": str(UID if os.getuid() == 0 else os.getuid()),
        "HOST_NAME": "smoke",
        "TIMEZONE": "UTC",
        "SCHEDULE": "off",
        "MAINTENANCE_SCHEDULE": "off",
        "BIND_ADDRESS": "127.0.0.1",
        "SCHEDULER_PORT": "0",
        "METABASE_PORT": "0",
    }
    compose = Compose(project=f"claude-analytics-smoke-{secrets.token_hex(3)}", choices=choices)
    try:
        yield compose, transcripts
    except ApplianceError:
        compose.run("ps", "--all", check=False)
        compose.run("logs", "--tail", "30", check=False)
        raise
    finally:
        if not keep:
            compose.run("--profile", "test", "down", "--volumes", "--timeout", "5", "--remove-orphans", check=False)
            shutil.rmtree(folder)


def add_sample(transcripts: Path, *, seed: int, days: int) -> None:
    """Add sample transcripts as Claude Code writes them: readable only by their owner."""
    with tempfile.TemporaryDirectory() as scratch:
        write_sample(Path(scratch) / "projects", seed=seed, days=days, until=SAMPLE_DAY)
        shutil.copytree(Path(scratch) / "projects", transcripts, dirs_exist_ok=True)
    for path in [transcripts, *transcripts.rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)
        if os.getuid() == 0:
            os.chown(path, UID, UID)


def _check(compose: Compose) -> dict[str, Any]:
    """Run the smoke service, which starts a run and recounts."""
    answer = compose.output(*_SMOKE)
    found: dict[str, Any] = json.loads(answer.strip().splitlines()[-1])
    return found


def _kill(compose: Compose, transcripts: Path, service: str, seed: int) -> None:
    """Kill one container in the middle of a run; `up` alone must bring everything back, without errors for readers."""
    add_sample(transcripts, seed=seed, days=3)  # so that the run has something to do at every step
    _start_run(compose)
    compose.output("kill", service)
    compose.output("up", "--detach", "--wait")
    compose.output(*_SMOKE, "look")


def _start_run(compose: Compose) -> None:
    token = credentials(compose, "scheduler")["scheduler_token"]
    url = f"{compose.address('scheduler', 8321)}/api/runs"
    answer = requests.post(url, json={}, headers={"Authorization": f"Bearer {token}"}, timeout=30)
    if answer.status_code != 409:  # 409: the run of the previous kill is still active, which serves as well
        answer.raise_for_status()


def _look_for_secrets(compose: Compose) -> None:
    """Raise ApplianceError if `docker inspect` shows a secret (environment, command, labels)."""
    shown = docker("inspect", *compose.containers())
    for what in SECRETS:
        for name, value in credentials(compose, what).items():
            if name != "metabase_user" and value in shown:
                raise ApplianceError(f"expected {name} only in files, found it in `docker inspect`")


def _timed(say: Say, what: str, work: Callable[[], Any]) -> dict[str, Any]:
    started = time.monotonic()
    say(f"{what} ...")
    found = work()
    seconds = round(time.monotonic() - started, 1)
    say(f"{what}: {seconds} s" + (f", {_in_words(found)}" if isinstance(found, dict) else ""))
    return {"seconds": seconds} | ({"found": found} if isinstance(found, dict) else {})


def _in_words(found: dict[str, Any]) -> str:
    figures = ", ".join(
        f"{value:,} {name.replace('_', ' ')}" for name, value in found.items() if isinstance(value, int)
    )
    readers = {name: met for name, met in found["readers"].items() if name != "machine"}
    queries = sum(met["queries"] for met in readers.values())
    longest = max(met["longest"] for met in readers.values())
    return f"{figures}; {queries} queries in the meantime without an error, the longest {longest} s"
