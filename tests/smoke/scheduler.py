"""The scheduler as a program sees it: its JSON API, and the secrets that the appliance handed to this container."""

import time
from pathlib import Path
from typing import Any

import requests

SECRETS = Path("/run/secrets")
ENDED = {"succeeded", "unchanged", "failed", "interrupted"}


def secret(name: str) -> str:
    """One of the secrets of this container."""
    return (SECRETS / name).read_text(encoding="utf-8").strip()


class SchedulerApi:
    """Starts runs and waits for their end."""

    def __init__(self, url: str, token: str, patience: float = 600) -> None:
        self.url, self.patience = url, patience
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {token}"
        # Each call has its own connection: a server may close an idle one in the moment in which it is used again.
        self.session.headers["Connection"] = "close"

    def run_to_the_end(self) -> dict[str, Any]:
        """Start a run, after one that may be going, and return it ended."""
        deadline = time.monotonic() + self.patience
        while (answer := self.session.post(f"{self.url}/api/runs", json={}, timeout=30)).status_code == 409:
            self._pause(deadline, "another run to end")
        answer.raise_for_status()
        while (run := self._run(answer.json()["id"]))["status"] not in ENDED:
            self._pause(deadline, f"run {run['id']} to end")
        return run

    def wait_until_published(self, database: Path) -> None:
        """The first generation: a run of the schedule's own may be under way, else this starts one."""
        if not database.exists():
            self.run_to_the_end()

    def _run(self, number: int) -> dict[str, Any]:
        answer = self.session.get(f"{self.url}/api/runs/{number}", timeout=30)
        answer.raise_for_status()
        run: dict[str, Any] = answer.json()["run"]
        return run

    def _pause(self, deadline: float, what: str) -> None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"expected {what} within {self.patience:.0f} s")
        time.sleep(0.2)  # the API is asked, it does not call
