"""Builds the marts as of a moment: from the lines collected by then, with today's models and prices.

Every store keeps the moment at which a line was collected; Iceberg's snapshots, which expire, are not needed.
The result is a separate data directory that every command can read with `--data`, and no command collects into.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from common.duckdb_files import DuckDBLimits
from common.errors import AnalyticsError, UsageError
from common.loader_results import ExtractResult, LoadResult, MaintenanceResult
from common.paths import DataPaths, DuckDBVolume
from common.settings import Settings
from scheduler.lock import PipelineLock
from scheduler.work_database import connect

MARKER = "as-of.json"
_COLLECTED = "coalesce(ingested_at, extracted_at) <= $moment"
_COUNTED = f"""
select
    count(distinct document_id),
    min(coalesce(ingested_at, extracted_at)),
    max(coalesce(ingested_at, extracted_at)) filter (where {_COLLECTED})
from source.raw.conversations
"""
_OF_THESE_LINES = "document_id in (select document_id from raw.conversations)"
_OF_THESE_RUNS = "run_id in (select run_id from raw.pipeline_runs)"
_ROWS = {
    "conversations": _COLLECTED,
    "dead_letters": "ingested_at <= $moment",
    "masked_secrets": _OF_THESE_LINES,
    "rejected_values": _OF_THESE_LINES,
    "rejected_documents": "coalesce(extracted_at, rejected_at) <= $moment",
    "loads": "load_id <= (select max(load_id) from raw.conversations)",
    "pipeline_runs": "started_at <= $moment",
    "pipeline_steps": _OF_THESE_RUNS,
    "dbt_results": _OF_THESE_RUNS,
    "plan_limits": "observed_at <= $moment",
}
"""Which rows of each table of `raw` existed, in the order of copying. Tables that are not named here, such as
the rules of cost centres, are copied whole."""


_FILES = """
with later as (
    select host, source_file, count(distinct document_id) as lines
    from source.raw.conversations
    where not coalesce(ingested_at, extracted_at) <= $moment
    group by all
),
rejected_later as (
    select host, source_file, count(*) as lines from source.raw.dead_letters
    where ingested_at > $moment
    group by all
)
insert into raw.transcript_files
select files.* replace (
    files.lines - coalesce(later.lines, 0) - coalesce(rejected_later.lines, 0) as lines,
    files.dead_letters - coalesce(rejected_later.lines, 0) as dead_letters
)
from source.raw.transcript_files as files
left join later on files.host = later.host and files.source_file = later.source_file
left join rejected_later on files.host = rejected_later.host and files.source_file = rejected_later.source_file
where files.lines = 0 or files.lines > coalesce(later.lines, 0) + coalesce(rejected_later.lines, 0)
"""
"""The files' states at that moment: only the current state is stored, so later lines are subtracted."""


class AsOfError(AnalyticsError):
    """The marts cannot be built as of this moment; the message says why."""


@dataclass(frozen=True)
class Moment:
    """A moment, and the folder name of its data directory."""

    at: datetime
    name: str


def read_moment(text: str, timezone: str, now: datetime | None = None) -> Moment:
    """Read a day (its end in this time zone) or a time in ISO 8601.

    Raises UsageError for anything else, and for a future moment.
    """
    zone, expected = ZoneInfo(timezone), "expected a day as YYYY-MM-DD or a time in ISO 8601"
    try:
        if len(text) == len("YYYY-MM-DD"):
            end = datetime.combine(date.fromisoformat(text) + timedelta(days=1), time(), zone)
            moment = Moment(end.astimezone(UTC) - timedelta(microseconds=1), text)
        else:
            at = datetime.fromisoformat(text)
            at = (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
            moment = Moment(at, at.strftime("%Y-%m-%dT%H%M%SZ"))
    except (ValueError, OverflowError):
        raise UsageError(f"{expected}, found {text!r}") from None
    if moment.at > (now or datetime.now(UTC)):
        raise UsageError(f"{expected} that has passed, found {text}")
    return moment


def settings_as_of(settings: Settings, moment: Moment) -> Settings:
    """Return the settings of that moment's data directory, which is below the folder of the published databases."""
    folder = DataPaths.of(settings).duckdb.as_of / moment.name
    separate = {"data_dir": folder, "duckdb_path": None, "scheduler_dir": None, "keep_generations": 1}
    return settings.model_copy(update=separate)


def marked_as_of(data_dir: Path) -> str | None:
    """Return the moment of a data directory that `--as-of` built; None for an ordinary one."""
    try:
        return str(json.loads((data_dir / MARKER).read_text(encoding="utf-8"))["as_of"])
    except (FileNotFoundError, NotADirectoryError):
        return None


@dataclass(frozen=True)
class LoaderAsOf:
    """Replaces the loader: it loads the lines that the work database of `source` had by a moment.

    It holds the pipeline lock of that database meanwhile, and waits for a running pipeline.
    """

    source: DuckDBVolume
    target: DuckDBVolume
    moment: Moment
    limits: DuckDBLimits
    wait_seconds: float

    def extract(self, **_: Any) -> ExtractResult:
        """Count the lines as of the moment. Raises AsOfError if there were none."""
        with self._opened(":memory:") as connection:
            lines, first, last = connection.execute(_COUNTED, {"moment": self.moment.at}).fetchall()[0]
        if last is None:
            began = f"the first came at {first.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if first else "there are none"
            expected = f"expected lines collected by {self.moment.at:%Y-%m-%d %H:%M:%S} UTC"
            raise AsOfError(f"{expected}, found none: {began}; choose a later moment")
        return ExtractResult(
            documents=0, total_documents=lines, late_documents=0, snapshot_id=None, watermark=last, seconds=0
        )

    def load(self, **_: Any) -> LoadResult:
        """Copy the tables of `raw` as of the moment."""
        remove_work_database(self.target)
        self.target.work_database.parent.mkdir(parents=True, exist_ok=True)
        with self._opened(str(self.target.work_database)) as connection:
            connection.execute("create schema raw")
            for name, definition in _tables_in_order(connection):
                connection.execute(definition)
                rows = f"insert into raw.{name} select * from source.raw.{name} where {_ROWS.get(name, 'true')}"
                copy = _FILES if name == "transcript_files" else rows
                connection.execute(copy, {"moment": self.moment.at} if "$moment" in copy else {})
            counts = "count(distinct document_id), count(*), max(load_id)"
            documents, rows, newest = connection.execute(f"select {counts} from raw.conversations").fetchall()[0]
        return LoadResult(documents=documents, rows=rows, total_rows=rows, load_id=newest, full=True, seconds=0)

    def maintain(self, **_: Any) -> MaintenanceResult:
        """Do nothing: such a directory has no Iceberg tables."""
        nothing = dict.fromkeys(("files_compacted", "files_written", "snapshots_expired", "orphans_deleted"), 0)
        return MaintenanceResult(**nothing, bytes_freed=0, seconds=0)

    @contextmanager
    def _opened(self, database: str) -> Iterator[duckdb.DuckDBPyConnection]:
        work = self.source.work_database
        with PipelineLock(self.source.lock).hold("as-of", self.wait_seconds):
            if not work.exists():
                raise AsOfError(f"expected a work database at {work}, found none; ./analytics run creates it")
            with closing(connect(Path(database), self.limits)) as connection:
                path = work.as_posix().replace("'", "''")
                connection.execute(f"attach '{path}' as source (read_only)")
                yield connection


def remove_work_database(volume: DuckDBVolume) -> None:
    """Delete a moment's work database: only the published one is needed."""
    work = volume.work_database
    for path in (work, work.with_name(f"{work.name}.wal"), work.with_name("build.json")):
        path.unlink(missing_ok=True)


def remove_folders(volume: DuckDBVolume) -> None:
    """Delete the folders of all moments, which are rebuilt on demand."""
    if (folders := volume.as_of).exists():
        shutil.rmtree(folders)


def mark(settings: Settings, moment: Moment) -> None:
    """Mark a moment's data directory, so that nothing is ever collected into it."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"as_of": moment.at.isoformat()}) + "\n"
    (settings.data_dir / MARKER).write_text(text, encoding="utf-8")


def _tables_in_order(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """Return the name and the definition of each table of the source's `raw`, those that others depend on first."""
    sql = "select table_name, sql from duckdb_tables() where database_name = 'source' and schema_name = 'raw'"
    definitions: dict[str, str] = dict(connection.execute(sql).fetchall())
    order = {name: position for position, name in enumerate(_ROWS)}
    return sorted(definitions.items(), key=lambda table: order.get(table[0], len(order)))
