"""What is wrong in .env, said before anything is started or stopped: names that nobody reads, values that nobody takes.

Compose ignores a name that it does not know, and a container that refuses a value is started again and again.
"""

import difflib
import re
from pathlib import Path

from cli.finding import Finding
from common.settings import Settings, SettingsError, load_settings
from scheduler.schedule import Schedule, ScheduleError

EXPECTED = "names of .env.example with values that docs/settings.md allows"
_ALIKE = 0.8
_SCHEDULES = ("SCHEDULE", "MAINTENANCE_SCHEDULE")


def read_env_file(root: Path) -> dict[str, str]:
    """Return the names and values of the checkout's .env; nothing where there is none."""
    file = root / ".env"
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    return dict(re.findall(r"^([A-Za-z_][A-Za-z0-9_]*)=(.*)$", text, re.MULTILINE))


def known_names(root: Path) -> set[str]:
    """Return every name that the compose file or a program of ours reads."""
    choices = set(re.findall(r"\$\{([A-Z][A-Z0-9_]*)", (root / "compose.yaml").read_text(encoding="utf-8")))
    settings = {name.upper() for name in Settings.model_fields}
    return choices | settings | {f"{name}_FILE" for name in settings}


def check_env_file(root: Path) -> list[Finding]:
    """Return a finding for each name that looks like one of ours and is not, and for the first wrong value."""
    given, known = read_env_file(root), known_names(root)
    misspelt = [
        Finding(".env", "fail", f"{name}, which nothing reads", EXPECTED, f"did you mean {alike[0]}?")
        for name in given
        if name not in known and (alike := difflib.get_close_matches(name.upper(), known, 1, _ALIKE))
    ]
    wrong = _wrong_value({name: value.strip().strip("'\"") for name, value in given.items() if value.strip()})
    found = [*misspelt, *([Finding(".env", "fail", wrong, EXPECTED, "correct it in .env")] if wrong else [])]
    return found or [Finding(".env", "ok", f"{len(given)} choices", EXPECTED)]


def _wrong_value(given: dict[str, str]) -> str | None:
    values = {name.lower(): value for name, value in given.items() if name.lower() in Settings.model_fields}
    try:
        settings = load_settings(**values)
        for name in _SCHEDULES:
            Schedule(name, getattr(settings, name.lower()), settings.timezone)
    except (SettingsError, ScheduleError) as error:
        return str(error)
    return None
