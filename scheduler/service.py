"""The scheduler as a service: its jobs on APScheduler, manual runs, and a record of runs that did not happen.

A job is one entry in `service_jobs`. Each due time has one record in the history: the run it started, or the reason
why there was none.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

import structlog
from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobExecutionEvent, JobSubmissionEvent
from apscheduler.schedulers.background import BackgroundScheduler

from common.errors import AnalyticsError
from common.settings import Settings
from scheduler.history import History, RunKind, Trigger
from scheduler.lock import LockHeld
from scheduler.runner import Runner
from scheduler.schedule import Schedule, ScheduleError

log = structlog.get_logger()

_PAUSED = "paused"
_WATCH_SECONDS = 60
_LOOK_SECONDS = 20
_MAINTENANCE_WAIT_SECONDS = 1800
_MOST_MISSED = 200  # a machine that was off for a year does not need thousands of rows


class RunUnderWayError(AnalyticsError):
    """A run was requested while another one holds the lock; the message names it."""


@dataclass(frozen=True)
class Job:
    """A scheduled job of the service."""

    name: RunKind
    schedule: Schedule
    run: Callable[[datetime | None], object]
    """Called with the time that it was due."""


def service_jobs(runner: Runner, settings: Settings) -> list[Job]:
    """Return the jobs; add a job as an entry here."""
    zone = settings.timezone
    wait = settings.database_timeout_seconds
    backup = Schedule("BACKUP_SCHEDULE", settings.backup_schedule, zone)
    if runner.parts.backup is None and not backup.is_off:
        raise ScheduleError(
            "BACKUP_SCHEDULE: expected a location in BACKUP_TO, found none; set BACKUP_TO, or BACKUP_SCHEDULE=off"
        )
    return [
        Job(
            "pipeline",
            Schedule("SCHEDULE", settings.schedule, zone),
            lambda due: runner.pipeline("schedule", scheduled_at=due, wait_seconds=wait),
        ),
        Job(
            "maintenance",
            Schedule("MAINTENANCE_SCHEDULE", settings.maintenance_schedule, zone),
            lambda due: runner.maintenance("schedule", scheduled_at=due, wait_seconds=_MAINTENANCE_WAIT_SECONDS),
        ),
        Job("backup", backup, lambda due: runner.backup("schedule", scheduled_at=due)),
    ]


class Service:
    """Starts jobs when they are due until it is stopped."""

    def __init__(
        self,
        runner: Runner,
        settings: Settings,
        jobs: Sequence[Job] | None = None,
        *,
        at_start: Callable[["Service"], object] | None = None,
        look: Callable[["Service"], object] | None = None,
    ) -> None:
        """`at_start` is called once, on a separate thread, after the service has started; `look` repeatedly."""
        self._at_start, self._look = at_start, look
        self.runner, self.settings, self.history = runner, settings, runner.history
        self.jobs = {job.name: job for job in (service_jobs(runner, settings) if jobs is None else jobs)}
        self.started_at: datetime | None = None
        self._manual: threading.Thread | None = None
        self._starting = threading.Lock()
        self._scheduler = BackgroundScheduler(
            timezone=settings.timezone,
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": settings.misfire_grace_seconds},
        )

    def start(self) -> None:
        """Record the due times missed while the service was stopped, then start."""
        self.runner.mark_interrupted()
        self.started_at = datetime.now(UTC)
        for job in self.jobs.values():
            self._account(job, self.started_at, "the scheduler was not running")
            if job.schedule.trigger is not None:
                self._scheduler.add_job(self._due, job.schedule.trigger, args=[job], id=job.name, name=job.name)
        self._scheduler.add_job(self.runner.alerts.check, "interval", seconds=_WATCH_SECONDS, id="watch")
        self._scheduler.add_listener(self._missed, EVENT_JOB_MISSED)
        self._scheduler.add_listener(self._overlapped, EVENT_JOB_MAX_INSTANCES)
        self._scheduler.start()
        if self._at_start is not None:
            self._scheduler.add_job(self._at_start, args=[self], id="at start", misfire_grace_time=None)
        if self._look is not None:
            self._scheduler.add_job(self._look, "interval", args=[self], seconds=_LOOK_SECONDS, id="look")
        log.info("service.started", paused=self.is_paused, next_run=str(self.next_run("pipeline")))

    def stop(self) -> None:
        """End the current step as soon as it can, and return when everything is closed."""
        self.runner.stop.set()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)
        if self._manual is not None:
            self._manual.join()
        self.runner.close()
        log.info("service.stopped")

    def wake_up(self) -> None:
        """Check the clock now instead of when the next job is due, after the clock was changed."""
        self._scheduler.wakeup()

    @property
    def is_paused(self) -> bool:
        """Whether the schedule is paused; manual runs still work."""
        return bool(self.history.get_state(_PAUSED))

    def pause(self) -> None:
        """Pause the schedule, also after a restart."""
        set_paused(self.history, paused=True)

    def resume(self) -> None:
        """Resume the schedule. Runs that were due meanwhile are not started, which the history records."""
        set_paused(self.history, paused=False)

    def next_run(self, name: RunKind) -> datetime | None:
        """Return when this job is due next; None if it is off, the schedule is paused or the service stopped."""
        job = self._scheduler.get_job(name)
        due: datetime | None = job.next_run_time if job is not None and not self.is_paused else None
        return due

    def run_now(self, *, full_refresh: bool = False, trigger: Trigger = "page") -> int:
        """Start a pipeline run in the background and return its id. Raises RunUnderWayError if the lock is taken."""
        with self._starting:
            begun: list[int] = []
            ready, errors = threading.Event(), list[LockHeld]()

            def began(run_id: int) -> None:
                begun.append(run_id)
                ready.set()

            def work() -> None:
                try:
                    self.runner.pipeline(trigger, full_refresh=full_refresh, on_begin=began)
                except LockHeld as held:
                    errors.append(held)
                finally:
                    ready.set()

            self._manual = threading.Thread(target=work, name="run-now")
            self._manual.start()
            ready.wait()
            if not begun:
                raise RunUnderWayError(str(errors[0]) if errors else "the run could not start; see the log")
            return begun[0]

    def run_as_scheduled(self) -> str | None:
        """Run the pipeline before it is due; return the run's status, or None if none was started.

        None is started if the schedule is off or paused, or another run is active.
        """
        if self.jobs["pipeline"].schedule.is_off or self.is_paused:
            return None
        try:
            return self.runner.pipeline("schedule").status
        except LockHeld as held:
            log.info("service.busy", reason=str(held))
            return None

    def _due(self, job: Job) -> None:
        """Run a due job, after recording the due times that were skipped."""
        now = datetime.now(UTC)
        due = self._latest_due(job, now)
        self._account(job, due, "the machine was asleep, or the previous run took too long; the next run covers it")
        self._set_accounted(job, due)
        if self.is_paused:
            self.history.did_not_happen(job.name, "schedule", "missed", "the schedule is paused", due)
            return
        try:
            job.run(due)
        except LockHeld as held:
            self.history.did_not_happen(job.name, "schedule", "locked", str(held), due)

    def _missed(self, event: JobExecutionEvent) -> None:
        """Record a due time that is more than MISFIRE_GRACE_SECONDS ago."""
        job = self.jobs.get(event.job_id)
        if job is not None:
            due = event.scheduled_run_time.astimezone(UTC)
            self._account(job, due, "the machine was asleep, or the scheduler was busy")
            late = datetime.now(UTC) - due
            reason = f"it was noticed {_minutes(late)} late, more than MISFIRE_GRACE_SECONDS allows"
            self.history.did_not_happen(job.name, "schedule", "missed", reason, due)
            self._set_accounted(job, due)

    def _overlapped(self, event: JobSubmissionEvent) -> None:
        job = self.jobs.get(event.job_id)
        if job is None:
            return
        for moment in event.scheduled_run_times:
            due = moment.astimezone(UTC)
            self._account(job, due, "the run before was still going")
            reason = "the run before was still going"
            self.history.did_not_happen(job.name, "schedule", "overlapped", reason, due)
            self._set_accounted(job, due)

    def _latest_due(self, job: Job, now: datetime) -> datetime:
        """Return the latest due time without a record."""
        accounted = self._accounted(job) or now
        return max(job.schedule.between(accounted, now + timedelta(microseconds=1)), default=now)

    def _account(self, job: Job, until: datetime, reason: str) -> None:
        """Record each due time before `until` that has no record."""
        since = self._accounted(job)
        if since is not None and since < until:
            why = "the schedule was paused" if self.is_paused else reason
            for due in islice(job.schedule.between(since, until), _MOST_MISSED):
                self.history.did_not_happen(job.name, "schedule", "missed", why, due)
        if since is None or since < until:
            # also for an off schedule: switched on again, it must not record the time between
            self._set_accounted(job, until - timedelta(microseconds=1))

    def _accounted(self, job: Job) -> datetime | None:
        text = self.history.get_state(f"accounted:{job.name}")
        return datetime.fromisoformat(text) if text else None

    def _set_accounted(self, job: Job, until: datetime) -> None:
        self.history.set_state(f"accounted:{job.name}", until.isoformat())


def set_paused(history: History, *, paused: bool) -> None:
    """Pause or resume the schedule of the service on this history, for the commands."""
    history.set_state(_PAUSED, paused)


def _minutes(duration: timedelta) -> str:
    return f"{duration.total_seconds() / 60:.0f} minutes"
