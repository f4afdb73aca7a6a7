"""One run, from the lock to the history, for the schedule, the status page and the command line.

The lock is held during the whole run; a run that cannot get it waits or does not happen.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import monotonic

import structlog

from common.paths import DataPaths
from common.settings import Settings
from scheduler.alerts import Alerts
from scheduler.backup_run import backup_lock, backup_problem, record_backup
from scheduler.budgets.inputs import BudgetInputs
from scheduler.budgets.notices import budget_notices
from scheduler.drift_alerts import tell_drift
from scheduler.forget_steps import with_forgetting
from scheduler.history import History, RunKind, Status, Trigger
from scheduler.history_export import export_history
from scheduler.lock import LockHeld, PipelineLock
from scheduler.maintenance_run import maintenance_steps
from scheduler.pipeline import run_pipeline
from scheduler.pipeline_parts import Export, PipelineParts
from scheduler.pipeline_steps import Step, pipeline_steps
from scheduler.plan_limits import export_plan_limits
from scheduler.run_result import Event, RunResult
from scheduler.text_retention import TextRetention, with_text_retention

log = structlog.get_logger()

OnEvent = Callable[[Event], None]
_OVERDUE = timedelta(days=7)
_PROGRESS_SECONDS = 0.5  # how often progress is written to the history; every report would be a transaction


class Runner:
    """Runs the pipeline and the maintenance, and records both in the history."""

    def __init__(
        self, parts: PipelineParts, settings: Settings, history: History | None = None, alerts: Alerts | None = None
    ) -> None:
        self.settings = settings
        self.history = history or open_history(settings)
        self.alerts = alerts or Alerts(self.history, settings)
        self.alerts.watches["backup"] = partial(backup_problem, self.history, settings)
        self.lock = PipelineLock(parts.volume.lock)
        self.parts = _with_own_tables(parts, settings, self.history)
        self.alerts.watches["cost centres"] = self.parts.inputs.problem
        self.alerts.notices.append(partial(budget_notices, parts.volume.budgets))
        self.stop = threading.Event()
        """If set, the current step ends as soon as it can, and no further run starts."""

    def pipeline(
        self,
        trigger: Trigger,
        *,
        full_refresh: bool = False,
        scheduled_at: datetime | None = None,
        wait_seconds: float = 0,
        on_event: OnEvent | None = None,
        on_begin: Callable[[int], None] | None = None,
    ) -> RunResult:
        """Run the pipeline once. Raises LockHeld, without a run, if the lock stays taken for `wait_seconds`."""
        with self._begin("pipeline", trigger, wait_seconds, scheduled_at, full_refresh) as (run_id, record):
            if on_begin:
                on_begin(run_id)
            listeners = [record, *([on_event] if on_event else [])]
            result = run_pipeline(
                self.parts,
                full_refresh=full_refresh,
                on_event=_to_all(listeners),
                stop=self.stop,
                steps=self._steps(),
            )
            self.history.add_dbt_results(run_id, result)
            number = result.generation.number if result.generation else None
            self.history.finish(run_id, result.status, result.message, number)
        self.alerts.check()
        if result.ok:
            tell_drift(self.parts.volume, self.alerts, result.generation)
        return result

    def _steps(self) -> list[Step]:
        steps, forgetting = pipeline_steps(self.parts), self.parts.forgetting
        if forgetting and forgetting.is_pending():
            steps = with_forgetting(steps, forgetting)
        retention = TextRetention.of(self.settings)
        return with_text_retention(steps, forgetting, retention) if forgetting and retention else steps

    def maintenance(
        self, trigger: Trigger, *, scheduled_at: datetime | None = None, wait_seconds: float = 0
    ) -> RunResult:
        """Run the maintenance once, under the same lock."""
        settings = self.settings
        steps = maintenance_steps(
            self.history,
            DataPaths.of(settings).logs,
            run_retention_days=settings.run_retention_days,
            log_retention_days=settings.log_retention_days,
        )
        with self._begin("maintenance", trigger, wait_seconds, scheduled_at) as (run_id, record):
            # each part separately: an unreachable catalog must not keep old logs on a full disk
            results = [run_pipeline(self.parts, on_event=record, stop=self.stop, steps=[step]) for step in steps]
            result = _together(results)
            self.history.finish(run_id, result.status, result.message)
        return result

    def backup(self, trigger: Trigger, *, scheduled_at: datetime | None = None) -> RunResult:
        """Make a backup. It does not wait for the pipeline, which can run while the record store is read.

        Raises LockHeld if another backup of this data directory is running.
        """
        assert self.parts.backup is not None
        result = record_backup(self.history, self.parts.backup, trigger, self.stop, scheduled_at)
        self.alerts.check()
        return result

    def maintain_if_overdue(self) -> RunResult | None:
        """Run the maintenance if the last one was a week ago, for installations without the service.

        Returns None if it was not due, or is switched off.
        """
        last = self.history.last("succeeded", kind="maintenance")
        since = last.started_at if last else self.history.began_at()
        off = self.settings.maintenance_schedule == "off"
        if off or since is None or datetime.now(UTC) - since < _OVERDUE:
            return None
        return self.maintenance("command")

    def mark_interrupted(self) -> None:
        """Close the runs that a crash left open, unless another process is running one now."""
        with suppress(LockHeld), self.lock.hold("start"):
            self.history.mark_interrupted()
        with suppress(LockHeld), backup_lock(self.history).hold("start"):
            self.history.mark_interrupted(backups=True)

    def close(self) -> None:
        """End the dbt process."""
        self.parts.project.close()

    @contextmanager
    def _begin(
        self,
        kind: RunKind,
        trigger: Trigger,
        wait_seconds: float,
        scheduled_at: datetime | None,
        full_refresh: bool = False,
    ) -> Iterator[tuple[int, OnEvent]]:
        with self.lock.hold(kind, wait_seconds, self.stop), self.history.kept_open():
            self.history.mark_interrupted()
            run_id = self.history.begin(kind, trigger, scheduled_at=scheduled_at, full_refresh=full_refresh)
            log.info("run.started", run=run_id, kind=kind, trigger=trigger)
            try:
                yield run_id, _Recorder(self.history, run_id)
            except BaseException as error:
                status: Status = "failed" if isinstance(error, Exception) else "interrupted"
                self.history.finish(run_id, status, f"{type(error).__name__}: {error}")
                raise
            run = self.history.run(run_id)
            log.info("run.ended", run=run_id, status=run.status if run else None, message=run.message if run else None)


class _Recorder:
    """Writes a run's events into the history; progress at a limited rate."""

    def __init__(self, history: History, run_id: int) -> None:
        self._history, self._run_id, self._next = history, run_id, 0.0

    def __call__(self, event: Event) -> None:
        if event.kind == "step_started":
            self._history.progress(self._run_id, event.step)
        elif event.kind == "progress" and monotonic() >= self._next:
            self._next = monotonic() + _PROGRESS_SECONDS
            self._history.progress(self._run_id, event.step, event.done, event.total)
        elif event.kind == "log":
            self._history.log(self._run_id, event.step, event.level, event.message)
        elif event.result is not None:
            self._history.add_step(self._run_id, event.result)
            level = "error" if event.result.status in ("failed", "interrupted") else "info"
            self._history.log(self._run_id, event.step, level, f"{event.result.status}: {event.result.message}")


def _with_own_tables(parts: PipelineParts, settings: Settings, history: History) -> PipelineParts:
    """Return the parts with the scheduler's own inputs of the models, and their refreshes."""
    paths, inputs = DataPaths.of(settings), BudgetInputs(settings)
    limits = partial(export_plan_limits, file=paths.plan_limits)
    exports: tuple[Export, ...] = (partial(export_history, history=history), limits, inputs.export, *parts.exports)
    return replace(parts, exports=exports, inputs=inputs)


def state_dir(settings: Settings) -> Path:
    """Return the folder of the history and the page's token: SCHEDULER_DIR, else `scheduler/` in the data directory.

    A folder with the former name `runner/` is renamed.
    """
    if settings.scheduler_dir:
        return settings.scheduler_dir
    folder, former = settings.data_dir / "scheduler", settings.data_dir / "runner"
    if former.is_dir() and not folder.exists():
        with suppress(FileNotFoundError):  # another process was faster
            former.rename(folder)
    return folder


def history_path(settings: Settings) -> Path:
    """Return the path of the history of runs."""
    return state_dir(settings) / "history.db"


def figures_path(settings: Settings) -> Path:
    """Return the path of the published figures of each day."""
    return state_dir(settings) / "figures.db"


def address_path(settings: Settings) -> Path:
    """Return the file with the address of the service's page, which exists while the service runs."""
    return state_dir(settings) / "address"


def open_history(settings: Settings) -> History:
    """Open the history of these settings, and create it if it does not exist."""
    return History(history_path(settings))


def _to_all(listeners: list[OnEvent]) -> OnEvent:
    def forward(event: Event) -> None:
        for listener in listeners:
            listener(event)

    return forward


def _together(results: list[RunResult]) -> RunResult:
    """Return the maintenance as one result, failed if any part failed."""
    bad = next((result for result in results if not result.ok), None)
    steps = [step for result in results for step in result.steps]
    message = bad.message if bad else "; ".join(step.message for step in steps)
    return RunResult(status=bad.status if bad else "succeeded", message=message, steps=steps)
