"""What a run works with, assembled once at the start: the volume, the loader, dbt, and what follows a generation."""

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
    """What the collect step hands to the log: complete lines seen, lines added, lines restored from Iceberg."""

    lines: int
    documents: int
    restored: int = 0


@dataclass(frozen=True)
class Refresh:
    """Something that follows a new generation: the HTML report, Metabase, the docs. Its failure is a warning."""

    name: str
    run: Callable[[Generation], None]
    holds: Callable[[Generation], bool] | None = None
    """Whether what `run` once did is still so, where somebody else can undo it; asked by runs that publish nothing."""


Backup = Callable[[Progress], BackedUp]
"""Makes a backup; given by the code that assembles the scheduler."""


class TextRemover(Protocol):
    """Puts what is kept in the place of texts, in the record store."""

    def begin_text(self, before: datetime, lines: int) -> None:
        """Write down that the texts of this many lines are removed: what is left open, the next run finishes."""
        ...

    def reduce(self, removed: Mapping[str, dict[str, Any]]) -> int:
        """Put this in the place of the texts of lines, by their ids; return how many had any."""
        ...

    def blank(self, line_ids: list[str]) -> int:
        """Put blanks in the place of lines that could not be parsed; return how many had any other bytes."""
        ...

    def end_text(self) -> None:
        """Have the record store's files hold no byte of it."""
        ...


class Forgetting(TextRemover, Protocol):
    """Requests to forget, as the pipeline sees them; given by the code that assembles the scheduler."""

    def is_pending(self) -> bool:
        """Tell whether a request is unfinished."""
        ...

    def remove(self, progress: Progress) -> str:
        """Delete from the record store and the history of runs; return what was done. Safe to repeat."""
        ...

    def forgotten_files(self, files: Mapping[str, os.stat_result]) -> set[str]:
        """Return which of these transcripts, by name, are not read because all in them is forgotten."""
        ...

    def prove(self, progress: Progress) -> str:
        """Search what is left and close the requests; return what was searched. Raises where something is left."""
        ...


class Inputs(Protocol):
    """What the models are made from beside the lines: files and settings that may change between two runs."""

    def facts(self) -> dict[str, str]:
        """Return what changes with them: a run publishes again where a fact differs from the last publication's."""

    def problem(self) -> str | None:
        """Return what is wrong with them in one line, which the run says as a warning; None where all is well."""


class NoInputs:
    """Nothing but the lines."""

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
    """None where BACKUP_TO names no place."""
    forgetting: Forgetting | None = None
    published: PublishedScope = "everything"
    """What is published: everything, figures without text, or figures of the team alone."""
    inputs: Inputs = field(default_factory=NoInputs)
    step_time_limit: float | None = 3600
    database_wait: float = 300
    duckdb_limits: DuckDBLimits = DEFAULT_LIMITS

    @classmethod
    def of(cls, settings: Settings, loader: Loader, project: DbtProject, **more: Any) -> "PipelineParts":
        """As the settings say; `more` are the other fields.

        Raises SettingsError for dbt's target `test`, which builds in memory and leaves nothing to publish.
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
