"""Docker Compose as a program: one project over this checkout's compose.yaml."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.errors import AnalyticsError

ROOT = Path(__file__).resolve().parents[2]
ONE_SHOTS = frozenset({"init", "mongo-accounts", "smoke"})
"""Services that run once and exit."""


class ApplianceError(AnalyticsError):
    """Docker is missing, or a command failed; the message is one line and says what to do."""


@dataclass(frozen=True)
class Compose:
    """One project. `choices` win over .env and the environment."""

    root: Path = ROOT
    project: str | None = None
    choices: Mapping[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, check: bool = True) -> int:
        """Run a command with its output on the terminal, and return its exit code."""
        code = subprocess.run(self._command(arguments), env=self._environment(), check=False).returncode
        if check and code:
            raise ApplianceError(f"docker compose {' '.join(arguments)}: ended with {code}; see its output above")
        return code

    def output(self, *arguments: str) -> str:
        """Return a command's output."""
        command = self._command(arguments)
        answer = subprocess.run(command, env=self._environment(), capture_output=True, text=True, check=False)
        if answer.returncode:
            lines = answer.stderr.strip().splitlines() or answer.stdout.strip().splitlines() or ["it printed nothing"]
            raise ApplianceError(f"docker compose {' '.join(arguments)}: {lines[-1]}")
        return answer.stdout

    def config(self, *profiles: str) -> dict[str, Any]:
        """Return the file as Compose resolves it, with every variable replaced."""
        asked = [word for profile in profiles for word in ("--profile", profile)]
        parsed: dict[str, Any] = json.loads(self.output(*asked, "config", "--format", "json"))
        return parsed

    def containers(self) -> list[str]:
        """Return the ids of this project's containers, including stopped ones."""
        return self.output("--profile", "test", "ps", "--all", "--quiet").split()

    def address(self, service: str, port: int) -> str:
        """Return the address of a published port, such as http://127.0.0.1:3000."""
        return f"http://{self.output('port', service, str(port)).strip()}"

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        project = ["--project-name", self.project] if self.project else []
        return ["docker", "compose", "--project-directory", str(self.root), *project, *arguments]

    def _environment(self) -> dict[str, str]:
        return os.environ | dict(self.choices)


def is_rootless() -> bool:
    """Whether the engine runs without root: then root in a container is the user who started the engine."""
    return "rootless" in docker("info", "--format", "{{.SecurityOptions}}")


def uid_inside(owner: int, *, rootless: bool) -> int:
    """Return what a user of this host is called in a container: the engine's own user is root in a rootless one."""
    return 0 if rootless and owner == os.getuid() else owner


def docker(*arguments: str) -> str:
    """What a docker command prints."""
    try:
        answer = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise ApplianceError("docker is not installed; see https://docs.docker.com/engine/install/") from None
    if answer.returncode:
        last = (answer.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        raise ApplianceError(f"docker {arguments[0]}: {last}")
    return answer.stdout
