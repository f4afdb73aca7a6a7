"""The rooms wired together on one machine: MongoDB, the Iceberg catalog, collector, loader, dbt and the report."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pyiceberg.catalog import Catalog
from pymongo.database import Database

import collector
import loader
from common.catalog import open_catalog
from common.loader_results import ExtractResult, LoadResult, MaintenanceResult
from common.mongo import mongo_client
from common.paths import DataPaths
from common.settings import Settings
from loader.table_maintenance import maintain
from report.html import write_report
from scheduler.dbt_project import DbtProject
from scheduler.loader_calls import Progress
from scheduler.pipeline_steps import Collected, Export, PipelineParts, Refresh
from scheduler.publish import Generation
from standalone.mongo_server import local_mongo


@dataclass(frozen=True)
class InProcessLoader:
    """The loader room called in this process; what the appliance reaches over HTTP."""

    database: Database[dict[str, Any]]
    catalog: Catalog
    settings: Settings

    def extract(self, *, full_refresh: bool = False, progress: Progress | None = None) -> ExtractResult:
        """Append what is new in MongoDB to Iceberg."""
        return loader.extract(self.database, self.catalog, full_refresh=full_refresh, progress=progress)

    def load(self, *, full_refresh: bool = False, progress: Progress | None = None) -> LoadResult:
        """Bring `raw` in the work database up to Iceberg."""
        work = DataPaths.of(self.settings).duckdb.work_database
        return loader.load(self.catalog, work, settings=self.settings, full_refresh=full_refresh, progress=progress)

    def maintain(self, *, progress: Progress | None = None) -> MaintenanceResult:
        """Compact small files, expire snapshots, delete orphan files."""
        age = timedelta(days=self.settings.snapshot_days)
        return maintain(self.catalog, snapshot_age=age, progress=progress)


@dataclass(frozen=True)
class Engine:
    """Everything a run needs, open and answering."""

    settings: Settings
    database: Database[dict[str, Any]]
    loader: InProcessLoader
    project: DbtProject

    @property
    def paths(self) -> DataPaths:
        """Where things lie."""
        return DataPaths.of(self.settings)

    def collect(self, progress: Progress) -> Collected:
        """One pass of the collector, in the shape that the pipeline's first step takes."""

        def report(at: collector.CollectProgress) -> None:
            progress(at.bytes_done, at.bytes_total)

        result = collector.collect(self.database, self.settings.transcripts_dir, self.settings.host_name, report)
        return Collected(lines=result.lines, documents=result.documents)

    def parts(self, exports: Sequence[Export] = ()) -> PipelineParts:
        """The pipeline's parts; exports write the runner's own tables before dbt reads them."""
        refresh = [Refresh("report", self._report)]
        return PipelineParts.of(
            self.settings, self.loader, self.project, collect=self.collect, exports=exports, refresh=refresh
        )

    def _report(self, _: Generation) -> None:
        write_report(self.paths.duckdb.published_database, self.paths.report, timezone=self.settings.timezone)


@contextmanager
def open_engine(settings: Settings) -> Iterator[Engine]:
    """Start or reach the servers that the settings name; stop what was started here at the end."""
    DataPaths.of(settings).root.mkdir(parents=True, exist_ok=True)
    with (
        _mongo_uri(settings) as uri,
        mongo_client(uri, "claude-analytics", tz_aware=True) as client,
    ):
        database = client[settings.mongo_database]
        with closing(DbtProject.of(settings)) as project:
            yield Engine(settings, database, InProcessLoader(database, open_catalog(settings), settings), project)


@contextmanager
def _mongo_uri(settings: Settings) -> Iterator[str]:
    if settings.mongo_uri:
        yield settings.mongo_uri.get_secret_value()
    else:
        with local_mongo(DataPaths.of(settings).mongo) as uri:
            yield uri
