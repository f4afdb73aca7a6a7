"""The checks of `./analytics doctor`: this machine's setup, with a fix for each problem.

Read-only: nothing is created or changed, so it may run beside a pipeline. A failed check says what was expected,
what was found and what to do; none raises.
"""

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from cli.doctor_services import attention, cost_centres, docker, iceberg, loader, port, published, record_store, room
from cli.finding import Finding
from common import numbers
from common.excluded import is_excluded
from common.settings import Settings
from common.transcript_files import Findings, TranscriptsError, distinct_roots, find
from scheduler.web.status import Standing, kept_days
from standalone.forgetting import forgotten_files

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements" / "standalone.txt"
GIB = 1024**3
AT_RISK_DAYS = 7
"""A transcript that Claude Code deletes within this many days and that is not fully collected is at risk."""


def diagnose(settings: Settings) -> list[Finding]:
    """Check everything that this mode needs, in the order in which it needs it."""
    checks = APPLIANCE_CHECKS if settings.loader_url else CHECKS
    return [_look(name, check, settings) for name, check in checks.items()]


def _look(name: str, check: Callable[[Settings], Finding], settings: Settings) -> Finding:
    try:
        return check(settings)
    except OSError as error:  # a folder on the path is not accessible
        found, fix = f"{error.filename}: {error.strerror}", f"grant {_user()} access to it, or choose another folder"
        return Finding(name, "fail", found, "readable folders", fix)


def healthy(findings: list[Finding]) -> bool:
    """Return whether the pipeline can run here: no check failed; warnings are allowed."""
    return all(finding.status != "fail" for finding in findings)


def _python(_: Settings) -> Finding:
    found = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info >= (3, 14):
        fix = "install Python 3.13, delete .venv and run again; or set MONGO_URI to your own MongoDB"
        return Finding("Python", "warn", found, "3.11, 3.12 or 3.13 (newer versions are not tested)", fix)
    return Finding("Python", "ok", found, "3.11, 3.12 or 3.13")


def locked_requirements(lock: Path) -> Iterator[Requirement]:
    """Yield the packages that a lock file requires on this machine, each with its version."""
    for line in lock.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith((" ", "#")):
            requirement = Requirement(line.removesuffix("\\").strip())
            if requirement.marker is None or requirement.marker.evaluate():
                yield requirement


def _packages(_: Settings) -> Finding:
    expected = f"the packages of {LOCK.name}"
    try:
        wanted = list(locked_requirements(LOCK))
    except (OSError, InvalidRequirement) as error:
        return Finding("Packages", "fail", f"{LOCK}: {error}", expected, "restore the file from git")
    wrong = [str(requirement.name) for requirement in wanted if _version(requirement.name) not in requirement.specifier]
    if wrong:
        fix = "delete .venv and run any ./analytics command"
        return Finding("Packages", "fail", f"missing, or a different version: {', '.join(wrong)}", expected, fix)
    return Finding("Packages", "ok", f"{len(wanted)} packages, all at the locked version", expected)


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "0"


def _timezone(settings: Settings) -> Finding:
    expected = "the IANA timezone of your days"
    if settings.timezone in ("UTC", "Etc/UTC"):
        return Finding(
            "Timezone",
            "warn",
            settings.timezone,
            expected,
            "unless UTC is your timezone, set TIMEZONE, for example to Europe/Berlin",
        )
    return Finding("Timezone", "ok", settings.timezone, expected)


def _transcripts(settings: Settings) -> Finding:
    expected = "readable folders of Claude Code's transcripts (*.jsonl)"
    if settings.collector == "off":
        return Finding("Transcripts", "ok", "COLLECTOR is off: this host does not collect transcripts", expected)
    folders = ", ".join(map(str, settings.transcripts_dir))
    try:
        found = [find(root, label) for root, label in distinct_roots(settings.transcripts_dir)]
    except TranscriptsError as error:
        fix = "set TRANSCRIPTS_DIR or pass --transcripts DIR; COLLECTOR=off if this host has no transcripts"
        return Finding("Transcripts", "warn", str(error).partition("; set")[0], expected, fix)
    files = [transcript.path for findings in found for transcript in findings.transcripts]
    refused = [name for findings in found for name in findings.unreadable]
    refused += [str(file) for file in files if not os.access(file, os.R_OK)]
    if refused:
        fix = f"grant {_user()} read access, or run as their owner"
        return Finding("Transcripts", "fail", f"{len(refused)} files not readable, such as {refused[0]}", expected, fix)
    if not files:
        return Finding("Transcripts", "warn", f"none in {folders}", expected, "use Claude Code, or set TRANSCRIPTS_DIR")
    size = sum(map(_size, files))
    excluded = _excluded(settings, found)
    told = f"; PROJECTS_EXCLUDED excludes {excluded} of them" if excluded else ""
    return Finding("Transcripts", "ok", f"{len(files)} files, {size / 1e6:,.0f} MB, in {folders}{told}", expected)


def _excluded(settings: Settings, found: Sequence[Findings]) -> int:
    names = (transcript.source_file for findings in found for transcript in findings.transcripts)
    return sum(is_excluded(name, settings.projects_excluded) for name in names)


def excluded_transcripts(settings: Settings) -> int:
    """Return how many transcripts PROJECTS_EXCLUDED excludes; an unreadable folder has none."""
    found = []
    for root, label in distinct_roots(settings.transcripts_dir) if settings.projects_excluded else []:
        with suppress(TranscriptsError):
            found.append(find(root, label))
    return _excluded(settings, found)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # deleted since it was listed: it has no size
        return 0


def _user() -> str:
    return os.environ.get("USER") or f"user {os.getuid()}"


def _retention(settings: Settings) -> Finding:
    days = kept_days(settings)
    expected = f"every transcript collected before Claude Code deletes it ({days} days after its last line)"
    at_risk = transcripts_at_risk(settings)
    if at_risk:
        fix = "run ./analytics run now, or keep ./analytics serve running"
        found = (
            f"{numbers.counted(len(at_risk), 'transcript')} not fully collected and due for deletion "
            f"within {AT_RISK_DAYS} days, such as {at_risk[0]}"
        )
        return Finding("Deletion", "warn", found, expected, fix)
    return Finding(
        "Deletion", "ok", f"no uncollected transcript is due for deletion within {AT_RISK_DAYS} days", expected
    )


def transcripts_at_risk(settings: Settings) -> list[str]:
    """Return transcripts about to be deleted that are not completely published, relative to their folder."""
    at_risk = Standing(settings, stores={}, forgotten=partial(forgotten_files, settings)).at_risk()
    return [file.source_file for file in at_risk if file.days_left < AT_RISK_DAYS]


def _data_directory(settings: Settings) -> Finding:
    expected = "a writable folder, or one that can be created"
    wrong = [str(folder) for folder in (settings.data_dir, settings.duckdb_dir) if not _writable(folder)]
    if wrong:
        fix = f"grant {_user()} write access, set DATA_DIR (DUCKDB_PATH), or pass --data DIR"
        return Finding("Data directory", "fail", f"cannot write {wrong[0]}", expected, fix)
    state = "there" if settings.data_dir.is_dir() else "will be created"
    return Finding("Data directory", "ok", f"{settings.data_dir} ({state})", expected)


def _existing(folder: Path) -> Path:
    return next(parent for parent in (folder, *folder.parents) if parent.exists())


def _writable(folder: Path) -> bool:
    nearest = _existing(folder)
    return nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)


def _transcripts_size(settings: Settings) -> int:
    try:
        found = [find(root, label) for root, label in distinct_roots(settings.transcripts_dir)]
    except TranscriptsError:  # which another finding reports
        return 0
    return sum(_size(transcript.path) for findings in found for transcript in findings.transcripts)


def _free_disk(settings: Settings) -> Finding:
    needed = GIB + 5 * _transcripts_size(settings)  # both copies, the work database and KEEP_GENERATIONS of it
    free = shutil.disk_usage(_existing(settings.data_dir)).free
    expected, found = f"{needed / GIB:.1f} GiB", f"{free / GIB:.1f} GiB free at {_existing(settings.data_dir)}"
    if free >= needed:
        return Finding("Disk", "ok", found, expected)
    fix = "free some space, or set DATA_DIR to a larger disk"
    return Finding("Disk", "fail" if free < GIB / 2 else "warn", found, expected, fix)


CHECKS: dict[str, Callable[[Settings], Finding]] = {
    "Python": _python,
    "Packages": _packages,
    "Timezone": _timezone,
    "Transcripts": _transcripts,
    "Deletion": _retention,
    "Data directory": _data_directory,
    "Disk": _free_disk,
    "Record store": record_store,
    "Iceberg": iceberg,
    "Port": port,
    "Published": published,
    "Cost centres": cost_centres,
    "Docker": docker,
}
"""Every check by the name of what it finds."""

APPLIANCE_CHECKS: dict[str, Callable[[Settings], Finding]] = {
    "Timezone": _timezone,
    "Data directory": _data_directory,
    "Disk": room,
    "Loader": loader,
    "Published": published,
    "Cost centres": cost_centres,
    "Attention": attention,
}
"""The checks in the scheduler's container; `./analytics up` checks the host."""
