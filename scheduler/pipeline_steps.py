"""The steps of the pipeline, in order: collect (standalone only), extract, load, transform, publish, refresh."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

import duckdb

from common.duckdb_files import open_read_only
from common.errors import AnalyticsError
from common.loader_results import ExtractResult, LoadResult
from scheduler.as_of import remove_folders
from scheduler.build_state import BuildNote, Facts, is_published, read_facts
from scheduler.dbt_project import DbtEvent
from scheduler.dbt_results import DbtNode, failing_rows
from scheduler.loader_calls import Progress
from scheduler.pipeline_parts import PipelineParts, Refresh
from scheduler.publish import FORGETS, Generation, current_generation, publish, tidy
from scheduler.published_scope import SCOPE, is_narrower, what_prepares
from scheduler.run_result import Event, FailedTest, Level
from scheduler.work_database import DatabaseBrokenError, connect, drop_models, is_broken, wait_until_free

_TESTS_WITH_ROWS = 10


class BuildFailedError(AnalyticsError):
    """A dbt test or model failed; nothing is published."""


@dataclass
class Context:
    """The state of one run."""

    parts: PipelineParts
    full_refresh: bool
    stop: threading.Event
    emit: Callable[[Event], None]
    step: str = ""
    deadline: Callable[[], float | None] = lambda: None
    progress: Progress = lambda done, total: None
    extracted: ExtractResult | None = None
    loaded: LoadResult | None = None
    facts: Facts = field(default_factory=dict)
    unchanged: bool = False
    built: bool = False
    """What is published was built from the current models, whatever part of them is to be published."""
    forgets: bool = False
    goes_again: bool = False
    """A step removed texts from the record store: the run continues from `extract`, to update everything else."""
    takes_away_database: bool = False
    """A step found the work database damaged: it is deleted, and the run continues from `load`."""
    took_away_database: bool = False
    """That happened in this run; a second time would not help."""
    generation: Generation | None = None
    published: bool = False
    dbt: list[DbtNode] = field(default_factory=list)
    failed_tests: list[FailedTest] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def note(self) -> BuildNote:
        """The note on what the work database was built from."""
        return BuildNote(self.parts.volume)

    def may_take_away_database(self, error: Exception) -> bool:
        """Return whether a step failed because the work database is damaged, for the first time in this run."""
        return is_broken(error) and not self.took_away_database and self.step in ("load", "transform", "publish")

    def say(self, message: str, level: Level = "info") -> None:
        """Add a line to the run's log."""
        self.emit(Event("log", self.step, message, level))

    def warn(self, message: str) -> None:
        """Add a warning: a problem that does not prevent publishing."""
        self.warnings.append(message)
        self.say(message, "warn")


@dataclass(frozen=True)
class Output:
    """A step's output."""

    message: str
    rows_in: int | None = None
    rows_out: int | None = None
    status: Literal["succeeded", "skipped", "warned"] = "succeeded"


@dataclass(frozen=True)
class Step:
    """One step: its function, and how often it may be retried after a transient error."""

    name: str
    work: Callable[[Context], Output]
    retries: int = 0


def pipeline_steps(parts: PipelineParts) -> list[Step]:
    """Return the steps of a run. A failed test is never retried; an unreachable server is."""
    steps = [
        Step("extract", _extract, retries=3),
        Step("load", _load, retries=3),
        Step("transform", _transform, retries=1),  # after a killed process; not after a failed test
        Step("publish", _publish),
        Step("refresh", _refresh),
    ]
    return [Step("collect", _collect, retries=3), *steps] if parts.collect else steps


def _collect(context: Context) -> Output:
    assert context.parts.collect is not None  # otherwise the step does not exist
    collected = context.parts.collect(context.progress)
    if collected.documents or collected.restored:  # dbt starts during the steps before it
        context.parts.project.warm_up()
    message = f"{collected.documents} new lines{_restored(collected.restored)}"
    return Output(message, collected.lines, collected.documents)


def _restored(lines: int) -> str:
    return f", {lines} that the record store had lost restored from Iceberg" if lines else ""


def _extract(context: Context) -> Output:
    result = context.parts.loader.extract(full_refresh=context.full_refresh, progress=context.progress)
    if result.documents:
        context.parts.project.warm_up()
    context.extracted = result
    late = f", {result.late_documents} of them late" if result.late_documents else ""
    restored = _restored(result.restored_documents)
    message = f"{result.documents} new documents{late}{restored}, {result.total_documents} in Iceberg"
    return Output(message, result.documents, result.documents)


def _load(context: Context) -> Output:
    _wait_for_database(context)
    if context.full_refresh:
        context.note.forget_build()
    result = context.parts.loader.load(full_refresh=context.full_refresh, progress=context.progress)
    if result.full:
        context.note.forget_build()
    context.loaded, context.generation = result, current_generation(context.parts.volume)
    facts = read_facts(context.parts.volume, context.parts.project) | context.parts.inputs.facts()
    context.facts = facts | {SCOPE: context.parts.published}
    if problem := context.parts.inputs.problem():
        context.warn(problem)
    if not context.full_refresh:
        context.unchanged = is_published(context.facts, context.generation)
        context.built = is_published(facts, context.generation) and context.note.is_built(facts)
    message = f"{result.rows} new rows, {result.total_rows} in raw (load {result.load_id})"
    return Output(message, result.documents, result.rows)


def _transform(context: Context) -> Output:
    if context.unchanged or context.built:
        return Output("nothing new since the last publication", status="skipped")
    _wait_for_database(context)
    goes_on = context.parts.project.can_go_on()
    built = context.note.built_load_id(context.facts) if goes_on else None
    every_test = context.full_refresh or context.note.wants_every_test()
    context.note.forget_build()  # an interrupted build leaves models that the next build does not continue from
    _prepare(context, drop=goes_on and built is None)
    outcome = context.parts.project.build(
        built_load_id=built,
        every_test=every_test,
        on_event=_dbt_events(context),
        stop=context.stop,
        time_limit=context.deadline(),
    )
    context.dbt.extend(outcome.nodes)
    if broken := next((node.message for node in outcome.failures if is_broken(node.message)), None):
        raise DatabaseBrokenError(broken.splitlines()[0])
    if not outcome.success:
        context.failed_tests.extend(_with_rows(context, outcome.failures))
        raise BuildFailedError(f"{outcome.describe()}; nothing was published")
    context.note.remember_build(context.facts)
    _check_freshness(context)
    for node in outcome.warnings:
        context.warn(f"{node.name}: {node.message}")
    return Output(outcome.describe(), rows_out=sum(node.rows or 0 for node in outcome.nodes) or None)


def _publish(context: Context) -> Output:
    if context.unchanged:
        tidy(context.parts.volume)
        return Output("nothing new since the last publication", status="skipped")
    _wait_for_database(context)
    parts = context.parts
    shows_less = context.generation is not None and is_narrower(parts.published, context.generation.facts)
    keep = 1 if shows_less else parts.keep_generations  # the older ones contain more
    facts = context.facts | ({FORGETS: True} if context.forgets else {})
    prepare = what_prepares(parts.published, parts.duckdb_limits)
    generation = publish(parts.volume, keep=keep, facts=facts, prepare=prepare)
    if shows_less:
        remove_folders(parts.volume)
    context.generation, context.published = generation, True
    message = f"generation {generation.number}, {generation.bytes / 2**20:.1f} MiB"
    return Output(message, rows_out=sum(generation.row_counts.values()))


def _refresh(context: Context) -> Output:
    """Run the refreshes; those that failed last time or were undone since also run when nothing new was published."""
    generation = context.generation
    if generation is None:
        return Output("nothing is published yet", status="skipped")
    due = [reader for reader in context.parts.refresh if not _is_done(context, reader, generation)]
    if not due:
        return Output("all up to date", status="skipped")
    with _held_open(context, generation):
        done = [reader.name for reader in due if _refreshed(context, reader, generation)]
    failed = [reader.name for reader in due if reader.name not in done]
    said = ((done, "refreshed"), (failed, "failed"))
    message = "; ".join(f"{', '.join(names)} {what}" for names, what in said if names)
    return Output(message, status="warned" if failed else "succeeded")


@contextmanager
def _held_open(context: Context, generation: Generation) -> Iterator[None]:
    """Keep the published database open: readers in this step open it faster and share its cache."""
    with ExitStack() as stack:
        with suppress(duckdb.Error):  # each reader reports its own error
            stack.enter_context(open_read_only(context.parts.volume.database_of(generation.number)))
        yield


def _is_done(context: Context, refresh: Refresh, generation: Generation) -> bool:
    once = context.note.is_refreshed(refresh.name, generation)
    return once and (refresh.holds is None or refresh.holds(generation))


def _refreshed(context: Context, refresh: Refresh, generation: Generation) -> bool:
    try:
        refresh.run(generation)
    except Exception as error:  # noqa: BLE001 (whatever it is, the figures are published and right)
        context.warn(f"{refresh.name}: {str(error) or type(error).__name__}; the next run tries again")
        return False
    context.note.remember_refresh(refresh.name, generation)
    return True


def _wait_for_database(context: Context) -> None:
    wait = context.parts.database_wait
    wait_until_free(context.parts.volume, wait, context.stop, lambda text: context.say(text, "warn"))


def _prepare(context: Context, *, drop: bool) -> None:
    """Write the scheduler's own tables, and drop the old models before a full build."""
    with closing(connect(context.parts.volume.work_database, context.parts.duckdb_limits)) as connection:
        if drop:
            drop_models(connection)
        for export in context.parts.exports:
            export(connection)


def _check_freshness(context: Context) -> None:
    """Warn of old data, which does not prevent publishing. New rows are never old."""
    if context.loaded and context.loaded.rows > 0:
        return
    outcome = context.parts.project.freshness(stop=context.stop, time_limit=context.deadline())
    context.dbt.extend(outcome.nodes)
    for node in outcome.nodes:
        if node.status != "pass":
            context.warn(f"source {node.name}: {node.message or node.status}")
    if outcome.error:
        context.warn(f"source freshness: {outcome.error}")


def _dbt_events(context: Context) -> Callable[[DbtEvent], None]:
    def forward(event: DbtEvent) -> None:
        context.say(event["message"], event["level"])
        if event["total"] and not event["name"].endswith("StartLine"):
            context.progress(event["index"], event["total"])

    return forward


def _with_rows(context: Context, nodes: list[DbtNode]) -> list[FailedTest]:
    return [
        _failed(context, node) if node.query and position < _TESTS_WITH_ROWS else FailedTest(node=node)
        for position, node in enumerate(nodes)
    ]


def _failed(context: Context, node: DbtNode) -> FailedTest:
    assert node.query is not None  # the caller checked
    try:
        columns, rows = failing_rows(context.parts.volume.work_database, node.query)
    except duckdb.Error as error:
        context.say(f"{node.name}: its rows cannot be read: {error}", "warn")
        return FailedTest(node=node)
    return FailedTest(node=node, columns=columns, rows=rows)
