"""The status page's content besides the history: freshness, sizes of the stores, transcripts at risk, versions."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any, Generic, TypeVar

import duckdb
import structlog
from pydantic import BaseModel

from common.duckdb_files import open_read_only
from common.excluded import is_excluded
from common.loader_results import CollectorState
from common.paths import DataPaths, DuckDBVolume
from common.settings import Settings
from common.transcript_files import TranscriptsError, distinct_roots, find
from scheduler.collector_watch import CollectorWatch
from scheduler.disk_watch import DiskWatch, Volume
from scheduler.publish import Generation, current_generation
from scheduler.runner import open_history

log = structlog.get_logger()

_KEEP_SECONDS = 30.0
_DAY = 86_400
_PACKAGES = ("duckdb", "dbt-core", "dbt-duckdb", "apscheduler", "fastapi")

Value = TypeVar("Value")


class Freshness(BaseModel):
    """How recent the published figures are."""

    extracted_at: datetime | None = None
    """When the newest line came to Iceberg."""
    event_at: datetime | None = None
    """When the newest line was written."""


class AtRisk(BaseModel):
    """A transcript that is not fully included in the published figures, and how long Claude Code will keep it."""

    source_file: str
    missing_bytes: int
    days_left: float


class Store(BaseModel):
    """One store and how much it takes on disk."""

    name: str
    bytes: int


@dataclass
class _Kept(Generic[Value]):
    """A cached value that is expensive to count."""

    make: Callable[[], Value]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _until: float = 0.0
    _value: Value | None = None

    def get(self) -> Value:
        with self._lock:
            if self._value is None or time.monotonic() > self._until:
                self._value, self._until = self.make(), time.monotonic() + _KEEP_SECONDS
            return self._value


ForgottenFiles = Callable[[Mapping[str, os.stat_result]], set[str]]
"""Returns which of these transcripts, by name, are not read because all in them is forgotten."""


class Standing:
    """The current state. Reads only the published database, so it never blocks a run."""

    def __init__(
        self,
        settings: Settings,
        stores: Mapping[str, Path] | None = None,
        collectors: CollectorWatch | None = None,
        disks: DiskWatch | None = None,
        forgotten: ForgottenFiles | None = None,
    ) -> None:
        """Look at these stores, or those of the data directory, and at these collectors and disks."""
        self._forgotten = forgotten or (lambda files: set())
        self._collectors, self._disks = collectors, disks or DiskWatch({})
        self.settings, self.paths = settings, DataPaths.of(settings)
        self._store_paths = default_stores(settings) if stores is None else stores
        self._stores = _Kept(self._measure)
        self._at_risk = _Kept(self._find_at_risk)
        self._fresh: tuple[int, Freshness] | None = None

    @property
    def volume(self) -> DuckDBVolume:
        """The DuckDB volume."""
        return self.paths.duckdb

    def generation(self) -> Generation | None:
        """What is published."""
        return current_generation(self.volume)

    def freshness(self) -> Freshness:
        """How recent the published figures are; read once per generation."""
        generation = self.generation()
        if generation is None:
            return Freshness()
        if self._fresh is None or self._fresh[0] != generation.number:
            sql = "select max(extracted_at)::varchar, max(event_at)::varchar from raw.conversations"
            extracted, event = (self._ask(sql) or [(None, None)])[0]
            self._fresh = generation.number, Freshness(extracted_at=_moment(extracted), event_at=_moment(event))
        return self._fresh[1]

    def stores(self) -> list[Store]:
        """The stores that can be seen from here, largest first."""
        return self._stores.get()

    def at_risk(self) -> list[AtRisk]:
        """Transcripts with lines that are not published yet, the first to be deleted first."""
        return self._at_risk.get()

    def collectors(self) -> list[CollectorState]:
        """How the collectors stand, the one seen last first; none where collecting is a step of the run."""
        return self._collectors.states() if self._collectors else []

    def volumes(self) -> list[Volume]:
        """The appliance's volumes and how much is free on their disks; none in the standalone mode."""
        return self._disks.volumes()

    def full_disk(self) -> str | None:
        """Which disk is full, in one line; None where none is."""
        return self._disks.problem()

    def problems(self, incident: dict[str, Any] | None) -> list[str]:
        """What needs attention, a line each: a full disk at once, before the history has it."""
        found: list[str] = incident["problems"] if incident else []
        full = self.full_disk()
        return [full, *found] if full and not any(line.startswith(full.partition(" (")[0]) for line in found) else found

    def sees_transcripts(self) -> bool:
        """False where the transcripts are another container's affair, or COLLECTOR is off."""
        return self.settings.collector == "on" and any(folder.is_dir() for folder in self.settings.transcripts_dir)

    def _measure(self) -> list[Store]:
        found = ((name, path) for name, path in self._store_paths.items() if path.exists())
        stores = [Store(name=name, bytes=_size(path)) for name, path in found]
        return sorted(stores, key=lambda store: -store.bytes)

    def _find_at_risk(self) -> list[AtRisk]:
        if self.settings.collector == "off":
            return []
        sql = "select source_file, read_bytes from raw.transcript_files where host = ?"
        collected = {name: size for name, size in self._ask(sql, [self.settings.host_name]) if isinstance(size, int)}
        found, days_kept = [], kept_days(self.settings)
        files = dict(_transcripts(self.settings.transcripts_dir))
        left_out = self._forgotten({name: state for name, state in files.items() if name not in collected})
        for name, state in files.items():
            if name in left_out or is_excluded(name, self.settings.projects_excluded):
                continue
            missing = state.st_size - collected.get(name, 0)
            if missing > 0:
                days = days_kept - (time.time() - state.st_mtime) / _DAY
                found.append(AtRisk(source_file=name, missing_bytes=missing, days_left=max(days, 0)))
        return sorted(found, key=lambda folder: folder.days_left)

    def _ask(self, sql: str, parameters: list[str] | None = None) -> list[tuple[object, ...]]:
        """Rows from the published database; none where there is no such database or table, or it cannot be read."""
        path = self.volume.published_database
        if not path.exists():
            return []
        try:
            with closing(open_read_only(path)) as connection:
                connection.execute("set timezone = 'UTC'")
                return connection.execute(sql, parameters or []).fetchall()
        except duckdb.CatalogException:
            return []
        except duckdb.Error as error:
            log.warning("published.unreadable", reason=str(error).splitlines()[0])
            return []


def default_stores(settings: Settings) -> dict[str, Path]:
    """The folders of the data directory, by the name that people know them by."""
    paths = DataPaths.of(settings)
    return {
        "Record store": paths.records.parent,
        "Iceberg": paths.iceberg,
        "DuckDB, work": paths.duckdb.work_database.parent,
        "DuckDB, published": paths.duckdb.generations,
        "Run history": open_history(settings).path,
        "Logs": paths.logs,
        "Transcripts": settings.transcripts_dir[0],
    }


@cache
def versions() -> dict[str, str]:
    """Versions of what does the work."""
    found = {"Python": python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def kept_days(settings: Settings) -> float:
    """After how many days Claude Code deletes a transcript: its own settings say, else TRANSCRIPT_DAYS does."""
    try:
        chosen = json.loads((settings.transcripts_dir[0].parent / "settings.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return settings.transcript_days
    days = chosen.get("cleanupPeriodDays") if isinstance(chosen, dict) else None
    return days if isinstance(days, int | float) else settings.transcript_days


def _transcripts(roots: Sequence[Path]) -> Iterator[tuple[str, os.stat_result]]:
    """Yield name and stat result of every transcript as the collector finds it."""
    for root, label in distinct_roots(roots):
        with suppress(TranscriptsError):  # the page says elsewhere that the folder is missing
            for transcript in find(root, label).transcripts:
                with suppress(OSError):  # deleted since it was listed, or a link to nowhere
                    yield transcript.source_file, transcript.path.stat()


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            file = Path(folder) / name
            try:
                total += file.lstat().st_size
            except FileNotFoundError:  # compacted or expired between the listing and the look
                continue
    return total


def _moment(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
