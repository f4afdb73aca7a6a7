"""Record a backup in the history as a run of kind backup, beside the pipeline.

It takes no pipeline lock. A backup reads the record store as of one moment, or in an order in which every counted line
is present; a pipeline that waited for a large backup would only be late.
"""

import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from common.errors import AnalyticsError
from common.settings import Settings
from scheduler.history import History, Run, Trigger
from scheduler.lock import PipelineLock
from scheduler.pipeline_parts import Backup
from scheduler.run_result import RunResult, RunStatus, StepResult
from scheduler.schedule import Schedule

log = structlog.get_logger()

_LAST = "last_backup"
_PROGRESS_SECONDS = 0.5
_MISSED = 2
"""After how many due times without a backup an alert is sent."""


class BackupStoppedError(AnalyticsError):
    """The scheduler is stopping; the next backup starts from the beginning."""


def backup_lock(history: History) -> PipelineLock:
    """Return the lock of backups: one at a time for each history."""
    return PipelineLock(Path(history.path).with_name("backup.lock"))


def record_backup(
    history: History,
    make: Backup,
    trigger: Trigger,
    stop: threading.Event | None = None,
    scheduled_at: datetime | None = None,
) -> RunResult:
    """Make a backup and record its result in the history. Raises LockHeld if another backup is running.

    An expected failure is a failed run; any other error is recorded and raised.
    """
    with backup_lock(history).hold("backup"):
        history.mark_interrupted(backups=True)
        run_id = history.begin("backup", trigger, scheduled_at=scheduled_at)
        started, clock = datetime.now(UTC), time.monotonic()
        try:
            done = make(_Progress(history, run_id, stop or threading.Event()))
        except (AnalyticsError, OSError) as error:
            status: RunStatus = "interrupted" if isinstance(error, BackupStoppedError) else "failed"
            return _finish(history, run_id, RunResult(status=status, message=str(error), steps=[]))
        except BaseException as error:
            history.finish(run_id, "failed", f"{type(error).__name__}: {error}")
            raise
        seconds = round(time.monotonic() - clock, 3)
        step = StepResult(
            name="backup",
            status="succeeded",
            started_at=started,
            seconds=seconds,
            rows_out=done.rows,
            message=done.message,
        )
        history.add_step(run_id, step)
        history.set_state(_LAST, done.model_dump() | {"at": datetime.now(UTC).isoformat(), "seconds": seconds})
        return _finish(history, run_id, RunResult(status="succeeded", message=done.message, steps=[step]))


def _finish(history: History, run_id: int, result: RunResult) -> RunResult:
    history.finish(run_id, result.status, result.message)
    log.info("backup.ended", run=run_id, status=result.status, message=result.message)
    return result


def last_backup(history: History) -> dict[str, Any] | None:
    """Return the facts of the last backup: at, message, size, new_size, rows, seconds."""
    found: dict[str, Any] | None = history.get_state(_LAST)
    return found


def backup_problem(history: History, settings: Settings) -> str | None:
    """Return in one line that backups fail or do not happen; None if all is well, or none are scheduled."""
    ended = history.last("succeeded", "failed", kind="backup")
    if ended is not None and ended.status == "failed":
        return f"The last backup failed. Run {ended.id}: {ended.message}"
    schedule = Schedule("BACKUP_SCHEDULE", settings.backup_schedule, settings.timezone)
    if schedule.is_off:
        return None
    return _overdue(ended, history.began_at(), schedule)


def _overdue(ended: Run | None, began_at: datetime | None, schedule: Schedule) -> str | None:
    since = ended.started_at if ended else began_at
    if since is None:
        return None
    due = [moment for _, moment in zip(range(_MISSED), schedule.between(since, datetime.now(UTC)), strict=False)]
    if len(due) < _MISSED:
        return None
    age = datetime.now(UTC) - since
    last = f"the last one is {age / timedelta(hours=1):.0f} hours old" if ended else "there is none yet"
    return f"The scheduled backup ({schedule.text}) was not made: {last}. For the reason, see ./analytics runs."


class _Progress:
    """Records progress in the history, and ends a backup when the scheduler stops."""

    def __init__(self, history: History, run_id: int, stop: threading.Event) -> None:
        self._history, self._run_id, self._stop, self._next = history, run_id, stop, 0.0

    def __call__(self, done: int, total: int | None) -> None:
        if self._stop.is_set():
            raise BackupStoppedError("the scheduler was told to stop; the next backup starts again")
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _PROGRESS_SECONDS
            self._history.progress(self._run_id, "backup", done, total)
