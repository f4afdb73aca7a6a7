"""`./analytics up` and `./analytics credentials`: the appliance from outside, for the person who owns the host.

`docker compose up -d --wait` alone brings the same up. What is done here beforehand: the machine is looked at, and
choices that only the host can know (its name, its timezone, who owns the transcripts) are written to .env, where they
stay for every later command. Names that are there already, or in the environment, are left alone.
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
    ):  # else compose mounts the home folder, in which it may appear
        found["TRANSCRIPTS_DIR"] = str(transcripts)
        # Root owns the folder on a host where Claude Code runs as root; then the collector has to be root, too.
        if (owner := uid_inside(transcripts.stat().st_uid, rootless=rootless)) != 1000:
            found["TRANSCRIPTS_UID"] = str(owner)
    found["HOST_NAME"] = socket.gethostname()
    if (zone := machine_timezone()) not in {"UTC", "Etc/UTC"}:
        found["TIMEZONE"] = zone
    return {name: value for name, value in found.items() if not given.get(name)}


def write_choices(choices: dict[str, str], root: Path = ROOT) -> None:
    """Append to .env; what is in it stays as it is."""
    if choices:
        file = root / ".env"
        before = file.read_text(encoding="utf-8") if file.exists() else ""
        gap = "" if before.endswith("\n") or not before else "\n"
        lines = [f"{name}={value}\n" for name, value in choices.items()]
        file.write_text(before + gap + "# Found out by ./analytics up\n" + "".join(lines), encoding="utf-8")


def check(compose: Compose) -> list[Finding]:
    """The preflight, after the host's own choices were written down."""
    docker("version")
    write_choices(found_choices(compose.root, rootless=is_rootless()), compose.root)
    return preflight(compose)


def up(compose: Compose) -> dict[str, str]:
    """Build what is missing, start everything, wait for health; the addresses of what a person opens."""
    compose.run("up", "--detach", "--wait")
    return {"Metabase": compose.address("metabase", 3000), "Status page": compose.address("scheduler", 8321)}


def credentials(compose: Compose, what: str = "metabase") -> dict[str, str]:
    """What init made for people: Metabase's first user, the token of the status page, the stores' keys."""
    if what not in SECRETS:
        raise ApplianceError(f"expected one of {', '.join(SECRETS)}, found {what!r}")
    return {name: _show(compose, name) for name in SECRETS[what]}


def _show(compose: Compose, name: str) -> str:
    return compose.output("run", "--rm", "--no-deps", "--no-TTY", "init", "show", name).strip()
