"""Installs the sender as a service: a systemd user unit on Linux, a launchd agent on macOS."""

import os
import plistlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from common.errors import AnalyticsError
from common.private_files import replace_file
from common.settings import Settings

NAME = "claude-analytics-sender"
LABEL = "local.claude-analytics.sender"
_LAUNCHER = Path(__file__).resolve().parents[2] / "analytics"


class UnitError(AnalyticsError):
    """The system rejected the unit."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit file, and the commands that start the sender now and at each login."""

    path: Path
    content: bytes
    commands: tuple[tuple[str, ...], ...]


def unit_of(settings: Settings, system: str = sys.platform) -> Unit:
    """Return the unit for this system."""
    if system == "darwin":
        path = Path.home() / "Library" / "LaunchAgents" / f"{LABEL}.plist"
        domain = f"gui/{os.getuid()}"
        commands = (("launchctl", "bootout", f"{domain}/{LABEL}"), ("launchctl", "bootstrap", domain, str(path)))
        return Unit(path, launchd(settings), commands)
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    path = folder / "systemd" / "user" / f"{NAME}.service"
    systemctl = ("systemctl", "--user")
    return Unit(path, systemd(settings), ((*systemctl, "daemon-reload"), (*systemctl, "enable", "--now", NAME)))


def install(unit: Unit) -> None:
    """Write the unit and start it. Raises UnitError with the command that failed."""
    replace_file(unit.path, unit.content)
    *first, last = unit.commands
    for command in first:  # launchd has no agent to stop if none was installed
        _run(command)
    if reason := _run(last):
        raise UnitError(f"{unit.path} is written, but {' '.join(last)} failed: {reason}; run that command yourself")


def systemd(settings: Settings) -> bytes:
    """Return a user unit. It does not restart on exit code 2: revoked, or a wrong setting."""
    variables = "".join(f"Environment={_quoted(f'{name}={value}')}\n" for name, value in _environment(settings).items())
    text = f"""[Unit]
Description=Send Claude Code transcripts to claude-analytics
After=network-online.target

[Service]
ExecStart={" ".join(map(_quoted, _command()))}
{variables}Restart=on-failure
RestartSec=30
RestartPreventExitStatus=2
UMask=0077
Nice=10

[Install]
WantedBy=default.target
"""
    return text.encode()


def launchd(settings: Settings) -> bytes:
    """Return a launchd agent."""
    return plistlib.dumps(
        {
            "Label": LABEL,
            "ProgramArguments": _command(),
            "EnvironmentVariables": _environment(settings),
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "ThrottleInterval": 30,
            "ProcessType": "Background",
            "Umask": 0o077,
            "StandardErrorPath": str(settings.data_dir / "sender" / "sender.log"),
        }
    )


def _command() -> list[str]:
    """Return the command that starts the sender: the checkout's launcher, or the installed package."""
    return [str(_LAUNCHER), "send"] if _LAUNCHER.exists() else [sys.executable, "-P", "-m", "collector.sender", "send"]


def _environment(settings: Settings) -> dict[str, str]:
    """Return the settings that are set here: a unit does not inherit the environment."""
    chosen = {"DATA_DIR": str(settings.data_dir)}
    for name in ("masking", "spool_limit_mb", "log_level"):
        if name in settings.model_fields_set:
            chosen[name.upper()] = str(getattr(settings, name))
    if "transcripts_dir" in settings.model_fields_set:
        chosen["TRANSCRIPTS_DIR"] = ",".join(map(str, settings.transcripts_dir))
    return chosen


def _quoted(word: str) -> str:
    """Quote a word for systemd."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


def _run(command: tuple[str, ...]) -> str | None:
    """Run a command; return why it failed, or None."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return (lines or ["it printed nothing"])[-1] if done.returncode else None
