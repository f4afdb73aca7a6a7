"""A small dbt project with a loader that counts: enough for the scheduler's tests, and built in under a second."""

import threading
from pathlib import Path
from typing import Any

import duckdb

from common.loader_results import ExtractResult, LoadResult, MaintenanceResult
from common.paths import DataPaths
from common.settings import Settings
from scheduler.dbt_project import DbtProject
from scheduler.loader_calls import Progress
from scheduler.pipeline_parts import PipelineParts
from scheduler.run_result import RunResult
from scheduler.runner import Runner
from scheduler.work_database import connect

PROFILES = """
small:
  target: prod
  outputs:
    prod:
      type: duckdb
      path: "{{ env_var('DUCKDB_PATH') }}"
      schema: main
      threads: 2
"""
PROJECT = """
name: small
version: 1.0.0
profile: small
models: {small: {+schema: marts, +materialized: table}}
"""
SCHEMA_NAME = "{% macro generate_schema_name(name, node) -%}{{ name or target.schema }}{%- endmacro %}"
FACTS = "select n, n % 7 as weekday, '{{ var('timezone') }}' as timezone from {{ source('raw', 'conversations') }}"
LOADS = "load_id bigint, table_uuid varchar, loaded_at timestamptz"
TESTS = """
sources:
  - name: raw
    tables:
      - name: conversations
        config: {loaded_at_field: extracted_at, freshness: {warn_after: {count: 24, period: hour}}}
models:
  - name: facts
    columns:
      - name: n
        data_tests:
          - unique
          - accepted_values: {arguments: {values: [0, 1, 2, 3, 4, 5], quote: false}}
"""


def make_project(folder: Path) -> Path:
    """A project of one model with two tests: numbers are unique, and below six."""
    files = {
        "profiles.yml": PROFILES,
        "dbt_project.yml": PROJECT,
        "macros/schema.sql": SCHEMA_NAME,
        "models/facts.sql": FACTS,
        "models/facts.yml": TESTS,
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


class CountingLoader:
    """Stands where the loader stands, over a real work database: `waiting` numbers come with the next load."""

    def __init__(self, database: Path) -> None:
        self.database = database
        self.waiting: list[int] = []
        self.loaded: list[int] = []
        self.errors: list[Exception] = []
        self.full_refreshes: list[bool] = []
        self.gate = threading.Event()
        """Cleared, it holds an extract at its first progress report, as a long one would be."""
        self.gate.set()
        self.extracting = threading.Event()

    def extract(self, *, full_refresh: bool = False, progress: Progress | None = None) -> ExtractResult:
        """Reports progress until the gate opens."""
        self.full_refreshes.append(full_refresh)
        if self.errors:
            raise self.errors.pop(0)
        self.extracting.set()
        while True:
            if progress:
                progress(len(self.waiting) // 2, len(self.waiting))
            if self.gate.wait(0.02):
                break
        found = {"documents": len(self.waiting), "total_documents": len(self.waiting), "late_documents": 0}
        return ExtractResult(**found, snapshot_id=None, watermark=None, seconds=0)

    def load(self, *, full_refresh: bool = False, progress: Progress | None = None) -> LoadResult:
        """Adds the waiting numbers under a new load_id."""
        self.database.parent.mkdir(parents=True, exist_ok=True)
        if not self.database.exists():  # as Iceberg does: everything comes again
            self.waiting = self.loaded + [n for n in self.waiting if n not in self.loaded]
        with connect(self.database) as connection:
            connection.execute("create schema if not exists raw")
            connection.execute(f"create table if not exists raw.loads ({LOADS})")
            columns = "n integer, extracted_at timestamptz, event_at timestamptz"
            connection.execute(f"create table if not exists raw.conversations ({columns})")
            load_id = self._scalar(connection, "select coalesce(max(load_id), 0) from raw.loads")
            if self.waiting:
                load_id += 1
                connection.execute("insert into raw.loads values (?, 'one', now())", [load_id])
                connection.execute("insert into raw.conversations select unnest(?), now(), now()", [self.waiting])
            total = self._scalar(connection, "select count(*) from raw.conversations")
        self.loaded += [n for n in self.waiting if n not in self.loaded]
        rows, self.waiting = len(self.waiting), []
        if progress:
            progress(rows, rows)
        return LoadResult(documents=rows, rows=rows, total_rows=total, load_id=load_id, full=full_refresh, seconds=0)

    def maintain(self, *, progress: Progress | None = None) -> MaintenanceResult:
        """Finds nothing to do."""
        if progress:
            progress(0, 0)
        nothing = {"files_compacted": 0, "files_written": 0, "snapshots_expired": 0}
        return MaintenanceResult(**nothing, orphans_deleted=0, bytes_freed=0, seconds=0)

    @staticmethod
    def _scalar(connection: Any, sql: str) -> int:
        return int(connection.execute(sql).fetchone()[0])


def make_settings(folder: Path, **choices: Any) -> Settings:
    """Settings over a data directory of the test's own, whatever this machine's environment says."""
    places = {"data_dir": folder / "data", "transcripts_dir": folder / "projects"}
    chosen: dict[str, Any] = places | {"timezone": "Europe/Berlin", "host_name": "here", "_env_file": None} | choices
    return Settings(**chosen)


def make_runner(settings: Settings, project: Path, **parts: Any) -> Runner:
    """A runner over the small project."""
    volume = DataPaths.of(settings).duckdb
    loader = parts.pop("loader", None) or CountingLoader(volume.work_database)
    dbt = DbtProject(project, volume, settings)
    return Runner(PipelineParts(volume=volume, loader=loader, project=dbt, **parts), settings)


def loader_of(runner: Runner) -> CountingLoader:
    """The loader of such a scheduler."""
    loader = runner.parts.loader
    assert isinstance(loader, CountingLoader)
    return loader


def run(runner: Runner, *, full_refresh: bool = False) -> RunResult:
    """One run, as a command starts it."""
    return runner.pipeline("command", full_refresh=full_refresh)


def published(runner: Runner, sql: str) -> list[tuple[object, ...]]:
    """Rows of the published database."""
    with duckdb.connect(str(runner.parts.volume.well_known_database), read_only=True) as connection:
        return connection.execute(sql).fetchall()
