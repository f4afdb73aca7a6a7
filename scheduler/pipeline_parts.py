"""The parts of a run, assembled once at the start: the volume, the loader, dbt, and the refreshes."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import duckdb

from common.duckdb_files import DEFAULT_LIMITS, DuckDBLimits
from common.loader_results import BackedUp
from common.paths import DataPaths, DuckDBVolume
from common.settings import Settings, SettingsError
from scheduler.dbt_project import DbtProject
from scheduler.loader_calls import Loader, Progress
from scheduler.publish import Generation
from scheduler.published_scope import PublishedScope, published_scope

Export = Callable[[duckdb.DuckDBPyConnection], None]
"""Writes the scheduler's own tables into the work database before dbt reads them."""


@dataclass(frozen=True)
class Collected:
    """The collect step's counts for the log: complete lines seen, lines added, lines restored from Iceberg."""

    lines: int
    documents: int
    restored: int = 0


@dataclass(frozen=True)
class Refresh:
    """An update after each new generation: the HTML report, Metabase, the docs. Its failure is a warning."""

    name: str
    run: Callable[[Generation], None]
    holds: Callable[[Generation], bool] | None = None
    """Returns whether the effect of `run` persists, if others can undo it; called by runs that publish nothing."""


Backup = Callable[[Progress], BackedUp]
"""Makes a backup; passed in by the code that assembles the scheduler."""


class TextRemover(Protocol):
    """Replaces texts in the record store by the values to keep."""

    def begin_text(self, before: datetime, lines: int) -> None:
        """Record a request to remove the texts of this many lines: the next run finishes an open request."""
        ...

    def reduce(self, removed: Mapping[str, dict[str, Any]]) -> int:
        """Replace the texts of these lines, by their ids, with the values to keep; return how many had texts."""
        ...

    def blank(self, line_ids: list[str]) -> int:
        """Overwrite rejected lines with question marks; return how many had any other bytes."""
        ...

    def end_text(self) -> None:
        """Erase every byte of the removed texts from the record store's files."""
        ...


class Forgetting(TextRemover, Protocol):
    """The pipeline's interface to requests to forget; passed in by the code that assembles the scheduler."""

    def is_pending(self) -> bool:
        """Return whether a request is unfinished."""
        ...

    def remove(self, progress: Progress) -> str:
        """Delete from the record store and the history of runs; return what was done. Safe to repeat."""
        ...

    def forgotten_files(self, files: Mapping[str, os.stat_result]) -> set[str]:
        """Return the names of transcripts that are not read because all their lines are forgotten."""
        ...

    def prove(self, progress: Progress) -> str:
        """Search what is left and close the requests; return what was searched. Raises if something is left."""
        ...


class Inputs(Protocol):
    """The models' inputs besides the lines: files and settings that may change between two runs."""

    def facts(self) -> dict[str, str]:
        """Return their facts: a run publishes again if a fact differs from the last publication's."""

    def problem(self) -> str | None:
        """Return their problem in one line, which the run reports as a warning, or None."""


class NoInputs:
    """No inputs besides the lines."""

    def facts(self) -> dict[str, str]:
        """Return no fact."""
        return {}

    def problem(self) -> str | None:
        """Return no problem."""
        return None


@dataclass(frozen=True)
class PipelineParts:
    """Everything the steps work with, assembled once at the start."""

    volume: DuckDBVolume
    loader: Loader
    project: DbtProject
    keep_generations: int = 3
    collect: Callable[[Progress], Collected] | None = None
    exports: Sequence[Export] = ()
    refresh: Sequence[Refresh] = ()
    backup: Backup | None = None
    """None if BACKUP_TO is not set."""
    forgetting: Forgetting | None = None
    published: PublishedScope = "everything"
    """What is published: everything, figures without text, or only figures of the team."""
    inputs: Inputs = field(default_factory=NoInputs)
    step_time_limit: float | None = 3600
    database_wait: float = 300
    duckdb_limits: DuckDBLimits = DEFAULT_LIMITS

    @classmethod
    def of(cls, settings: Settings, loader: Loader, project: DbtProject, **more: Any) -> "PipelineParts":
        """Return the parts for these settings; `more` are the other fields.

        Raises SettingsError for dbt's target `test`, which builds in memory, so that there is nothing to publish.
        """
        if settings.dbt_target == "test":
            raise SettingsError("DBT_TARGET: expected dev or prod for a run, found test, which is for ./analytics dbt")
        return cls(
            volume=DataPaths.of(settings).duckdb,
            loader=loader,
            project=project,
            keep_generations=settings.keep_generations,
            step_time_limit=settings.step_timeout_seconds,
            database_wait=settings.database_timeout_seconds,
            duckdb_limits=DuckDBLimits.of(settings),
            published=published_scope(settings),
            **more,
        )
