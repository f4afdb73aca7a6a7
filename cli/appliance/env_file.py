"""Checks .env before anything is started or stopped, for unknown names and invalid values.

Compose ignores unknown names, and a container that rejects a value restarts endlessly.
"""

import difflib
import re
from pathlib import Path

import structlog

from cli.finding import Finding
from common.settings import FORMER_NAMES, Settings, SettingsError, load_settings
from scheduler.schedule import Schedule, ScheduleError

log = structlog.get_logger()

CHECKOUT = Path("/checkout")
"""Where compose.yaml and .env are mounted in the scheduler's container, read-only."""
EXPECTED = "names of .env.example with values that docs/settings.md allows"
CORRECT = "correct it in .env"
GIVEN_TO_INIT = frozenset(
    {"ALERT_WEBHOOK_URL", "BACKUP_PASSPHRASE", "SMTP_PASSWORD", "METABASE_USER", "METABASE_PASSWORD"}
)
"""Secrets that only a person has, and that `init set` stores in the appliance."""
INIT_SET = "docker compose run --rm -T init set"
_ALIKE = 0.8
_COMMENT = re.compile(r"\s+#.*")
_SHAPES = (
    ("^TRANSCRIPTS_UID$", r"\d+", "1000"),
    ("^METABASE_PORT$", r"\d{1,5}", "3000"),
    ("^MONGO_CACHE_GB$", r"\d+(\.\d+)?", "1"),
    ("_MEMORY$", r"\d+(\.\d+)?[bkmg]b?", "3g"),
    ("^METABASE_HEAP$", r"\d+[kmg]", "1g"),
)
"""Name, value and example of choices that only compose.yaml reads."""
_SCHEDULES = ("SCHEDULE", "MAINTENANCE_SCHEDULE")


def read_env_file(root: Path) -> dict[str, str]:
    """Return the names and values of the checkout's .env; empty if it does not exist."""
    file = root / ".env"
    text = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
    lines = re.findall(r"^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$", text, re.MULTILINE)
    return {name: value if value[:1] in {"'", '"'} else _COMMENT.sub("", value) for name, value in lines}


def known_names(root: Path) -> set[str]:
    """Return every name that the compose file or one of our programs reads."""
    settings = {name.upper() for name in (*Settings.model_fields, *FORMER_NAMES.values())}
    return _choices(root) | settings | {f"{name}_FILE" for name in settings}


def not_read_here(root: Path, given: dict[str, str]) -> list[str]:
    """Return the names in .env that only the standalone mode reads, but for those as .env.example shows them."""
    example = (root / ".env.example").read_text(encoding="utf-8")
    as_shown = set(re.findall(r"^#([A-Z][A-Z0-9_]*)=(.*)$", example, re.MULTILINE))
    ours = known_names(root) - _choices(root)
    return [name for name, value in given.items() if name in ours and value and (name, value) not in as_shown]


def check_env_file(root: Path) -> list[Finding]:
    """Return a finding for each misspelt setting, for each former name and for the first wrong value.

    Names that only the standalone mode reads are a warning, since one `.env` may serve both modes.
    """
    given, known = read_env_file(root), known_names(root)
    misspelt = [
        Finding(".env", "fail", f"{name}, which is not a setting", EXPECTED, f"did you mean {alike[0]}?")
        for name in given
        if name not in known and (alike := difflib.get_close_matches(name.upper(), known, 1, _ALIKE))
    ]
    wrong = _wrong_value({name: value.strip().strip("'\"") for name, value in given.items() if value.strip()})
    renamed = [
        Finding(".env", "warn", f"{former.upper()}, which has a new name", EXPECTED, f"call it {name.upper()}")
        for name, former in FORMER_NAMES.items()
        if former.upper() in given and former.upper() in _choices(root)
    ]
    found = [*misspelt, *renamed, *([Finding(".env", "fail", wrong, EXPECTED, CORRECT)] if wrong else [])]
    found += _ignored(not_read_here(root, given))
    return found or [Finding(".env", "ok", f"{len(given)} choices", EXPECTED)]


def env_file_problem(root: Path = CHECKOUT) -> str | None:
    """Return in one line what is wrong in .env and what to do; None if nothing is, or it is unreadable."""
    try:
        findings = check_env_file(root)
        ignored = _ignored(not_read_here(root, read_env_file(root)))
    except OSError as error:  # a checkout that other users cannot read: only `up` can check it
        log.debug("env_file.not_checked", reason=error.strerror)
        return None
    wrong = [
        finding.found if finding.fix == CORRECT else f"{finding.found} ({finding.fix})"
        for finding in findings
        if finding.status == "fail" or finding in ignored
    ]
    if not wrong:
        return None
    return f".env: {'; '.join(wrong)}. Correct it, then run `docker compose up -d --wait`."


def _choices(root: Path) -> set[str]:
    return set(re.findall(r"\$\{([A-Z][A-Z0-9_]*)", (root / "compose.yaml").read_text(encoding="utf-8")))


def _ignored(names: list[str]) -> list[Finding]:
    """Return one finding for what only the standalone mode reads, and one for each secret that init takes instead."""
    found = [
        Finding(
            ".env", "warn", f"{name}, which is not read from .env", EXPECTED, f"`{INIT_SET} {name.lower()}` sets it"
        )
        for name in names
        if name in GIVEN_TO_INIT
    ]
    others = [name for name in names if name not in GIVEN_TO_INIT]
    if others:
        what = f"{', '.join(others)}, which only the standalone mode reads"
        found.append(Finding(".env", "warn", what, EXPECTED, "remove it from .env"))
    return found


def _shape(name: str) -> tuple[str, str]:
    return next(((pattern, example) for names, pattern, example in _SHAPES if re.search(names, name)), (".*", ""))


def _wrong_value(given: dict[str, str]) -> str | None:
    for name, value in given.items():
        pattern, example = _shape(name)
        if not re.fullmatch(pattern, value, re.IGNORECASE):
            return f"{name}: expected a value such as {example} (found {value!r})"
    values = {name.lower(): value for name, value in given.items() if name.lower() in Settings.model_fields}
    try:
        settings = load_settings(**values)
        for name in _SCHEDULES:
            Schedule(name, getattr(settings, name.lower()), settings.timezone)
    except (SettingsError, ScheduleError) as error:
        return str(error)
    return None
