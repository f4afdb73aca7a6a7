"""`./analytics up` and `./analytics credentials`: the appliance from outside, for the person who owns the host.

`docker compose up -d --wait` alone starts the same. This command first checks the machine, and writes choices that
only the host knows (its name, its timezone, the owner of the transcripts) to .env, for every later command. Names
that are in .env already, or in the environment, are not changed.
"""

import os
import socket
from pathlib import Path

from cli.appliance.compose import ROOT, ApplianceError, Compose, docker, is_rootless, uid_inside
from cli.appliance.env_file import read_env_file
from cli.appliance.preflight import preflight
from cli.finding import Finding
from common.settings import default_transcripts_dirs, machine_timezone

SECRETS = {
    "metabase": ("metabase_user", "metabase_password"),
    "scheduler": ("scheduler_token",),
    "mongo": ("mongo_root_password",),
    "store": ("s3_access_key_id", "s3_secret_access_key"),
}
"""What `credentials` can show."""


def found_choices(root: Path = ROOT, *, rootless: bool = False) -> dict[str, str]:
    """Return what this host needs in .env beyond what is there; `rootless` is about its engine."""
    given = read_env_file(root) | dict(os.environ)
    found: dict[str, str] = {}
    transcripts = root / Path(given.get("TRANSCRIPTS_DIR") or default_transcripts_dirs()[0]).expanduser()
    if (
        given.get("COLLECTOR") != "off" and transcripts.is_dir()
    ):  # otherwise compose mounts the home folder, where it may appear later
        found["TRANSCRIPTS_DIR"] = str(transcripts)
        # Root owns the folder on a host where Claude Code runs as root; then the collector has to be root, too.
        if (owner := uid_inside(transcripts.stat().st_uid, rootless=rootless)) != 1000:
            found["TRANSCRIPTS_UID"] = str(owner)
    found["HOST_NAME"] = socket.gethostname()
    if (zone := machine_timezone()) not in {"UTC", "Etc/UTC"}:
        found["TIMEZONE"] = zone
    return {name: value for name, value in found.items() if not given.get(name)}


def write_choices(choices: dict[str, str], root: Path = ROOT) -> None:
    """Append to .env without changing its content."""
    if choices:
        file = root / ".env"
        before = file.read_text(encoding="utf-8") if file.exists() else ""
        gap = "" if before.endswith("\n") or not before else "\n"
        lines = [f"{name}={value}\n" for name, value in choices.items()]
        file.write_text(before + gap + "# Found out by ./analytics up\n" + "".join(lines), encoding="utf-8")


def check(compose: Compose) -> list[Finding]:
    """Write the host's choices to .env, then run the preflight."""
    docker("version")
    write_choices(found_choices(compose.root, rootless=is_rootless()), compose.root)
    return preflight(compose)


def up(compose: Compose) -> dict[str, str]:
    """Build missing images, start everything, wait for health; return the addresses for people."""
    compose.run("up", "--detach", "--wait")
    return {"Metabase": compose.address("metabase", 3000), "Status page": compose.address("scheduler", 8321)}


def credentials(compose: Compose, what: str = "metabase") -> dict[str, str]:
    """Return init's credentials for people: Metabase's first user, the status page's token, the stores' keys."""
    if what not in SECRETS:
        raise ApplianceError(f"expected one of {', '.join(SECRETS)}, found {what!r}")
    return {name: _show(compose, name) for name in SECRETS[what]}


def _show(compose: Compose, name: str) -> str:
    return compose.output("run", "--rm", "--no-deps", "--no-TTY", "init", "show", name).strip()
