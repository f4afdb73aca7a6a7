"""Connects the packages on one machine: record store, Iceberg catalog, collector, loader, dbt and the report."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta

from pyiceberg.catalog import Catalog

import collector
import loader
from common.catalog import open_catalog
from common.loader_results import ExtractResult, LoadResult, MaintenanceResult
from common.masking import Masker
from common.paths import DataPaths
from common.settings import Settings
from loader.table_maintenance import maintain
from records import RecordStore, open_store
from scheduler.budgets.automatic import budget_refreshes
from scheduler.dbt_project import DbtProject
from scheduler.figures import figures_refresh
from scheduler.loader_calls import Progress
from scheduler.pipeline_parts import Collected, Export, PipelineParts, Refresh
from scheduler.publish import Generation
from scheduler.runner import figures_path
from scheduler.statusline_file import statusline_refresh
from standalone.backups import backup_of
from standalone.forgetting import InProcessForgetting


@dataclass(frozen=True)
class InProcessLoader:
    """The loader called in this process, instead of over HTTP as in the appliance."""

    store: RecordStore
    catalog: Catalog
    settings: Settings
    masker: Masker | None

    def extract(self, *, full_refresh: bool = False, progress: Progress | None = None) -> ExtractResult:
        """Append new lines from the record store to Iceberg."""
        return loader.extract(
            self.store, self.catalog, masker=self.masker, full_refresh=full_refresh, progress=progress
        )

    def load(self, *, full_refresh: bool = False, progress: Progress | None = None) -> LoadResult:
        """Update `raw` in the work database from Iceberg."""
        work = DataPaths.of(self.settings).duckdb.work_database
        return loader.load(self.catalog, work, settings=self.settings, full_refresh=full_refresh, progress=progress)

    def maintain(self, *, progress: Progress | None = None) -> MaintenanceResult:
        """Compact small files, expire snapshots, delete orphan files."""
        age = timedelta(days=self.settings.snapshot_retention_days)
        return maintain(self.catalog, snapshot_age=age, progress=progress)


@dataclass(frozen=True)
class Engine:
    """Everything a run needs, open and answering."""

    settings: Settings
    store: RecordStore
    loader: InProcessLoader
    project: DbtProject

    @property
    def paths(self) -> DataPaths:
        """The paths in the data directory."""
        return DataPaths.of(self.settings)

    def collect(self, progress: Progress) -> Collected:
        """Make one pass of the collector, for the pipeline's first step.

        Lines that the record store has lost are restored from Iceberg first, so that no file is read twice.
        """

        def report(at: collector.CollectProgress) -> None:
            progress(at.bytes_done, at.bytes_total)

        restored = loader.refill(self.store, self.loader.catalog)
        settings = self.settings
        masker = Masker.before_record_store(settings)
        result = collector.collect(
            self.store,
            settings.transcripts_dir,
            settings.host_name,
            report,
            masker=masker,
            excluded=settings.projects_excluded,
        )
        return Collected(lines=result.lines, documents=result.documents, restored=restored)

    def parts(self, exports: Sequence[Export] = ()) -> PipelineParts:
        """The pipeline's parts; exports write the scheduler's own tables before dbt reads them."""
        budgets = budget_refreshes(self.settings)
        figures = figures_refresh(figures_path(self.settings), self.paths.duckdb)
        refresh = [statusline_refresh(self.paths.duckdb), figures, *budgets, Refresh("report", self._report)]
        collect = self.collect if self.settings.collector == "on" else None
        return PipelineParts.of(
            self.settings,
            self.loader,
            self.project,
            collect=collect,
            exports=exports,
            refresh=refresh,
            backup=backup_of(self.settings),
            forgetting=InProcessForgetting(self.settings, self.store, self.loader.catalog),
        )

    def _report(self, generation: Generation) -> None:
        from report.html import write_report  # noqa: PLC0415 (half a second that a run without news does not need)

        paths = self.paths
        write_report(
            paths.duckdb.database_of(generation.number),
            paths.report,
            timezone=self.settings.timezone,
            sample=paths.demo_marker.exists(),
            vega_dir=paths.vega,
        )


@contextmanager
def open_engine(settings: Settings) -> Iterator[Engine]:
    """Open the configured stores and start dbt's process; close them at the end."""
    DataPaths.of(settings).root.mkdir(parents=True, exist_ok=True)
    with closing(open_store(settings)) as store, closing(DbtProject.of(settings)) as project:
        yield Engine(
            settings, store, InProcessLoader(store, open_catalog(settings), settings, Masker.of(settings)), project
        )
