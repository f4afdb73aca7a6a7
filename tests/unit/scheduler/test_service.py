"""The service under a clock of the test's own: a due time leaves one trace, a run or the reason why there was none."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import time_machine

from scheduler.history import History, Run
from scheduler.runner import Runner
from scheduler.schedule import Schedule
from scheduler.service import Job, RunUnderWayError, Service
from tests.integration.scheduler.small import make_runner, make_settings

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)


class Work:
    """What the job does: a run that ends at once, takes long, or dies without a word."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.gate = threading.Event()
        self.gate.set()
        self.dies = False

    def __call__(self, due: datetime | None) -> None:  # noqa: D102 (the class says it)
        run_id = self.history.begin("pipeline", "schedule", scheduled_at=due)
        if self.dies:
            raise SystemExit
        assert self.gate.wait(120)
        self.history.finish(run_id, "unchanged", "nothing new")


class Stage:
    """A service whose clock the test moves."""

    def __init__(self, runner: Runner, clock: time_machine.Traveller, schedule: str = "0 * * * *") -> None:
        self.runner, self.clock, self.schedule = runner, clock, schedule
        self.work = Work(runner.history)
        self.service = self.new_service()

    def new_service(self) -> Service:
        """Start a service over the same history."""
        self.runner.stop.clear()
        job = Job("pipeline", Schedule("SCHEDULE", self.schedule, "Europe/Berlin"), self.work)
        service = Service(self.runner, self.runner.settings, [job])
        service.start()
        return service

    def restart(self, at: datetime) -> None:
        """Stop the service, and start one at a later time."""
        self.service.stop()
        self.clock.move_to(at)
        self.service = self.new_service()

    def reach(self, moment: datetime, status: str) -> None:
        """Move the clock there and wait until the run that is due then has this status."""
        self.clock.move_to(moment + timedelta(seconds=1))
        self.service.wake_up()
        self.await_status(moment, status)

    def await_status(self, due: datetime, status: str) -> None:
        """Wait until the run due then has this status and, if it has ended, its job has as well."""
        wait_for(lambda: [run.status for run in self.runs() if run.scheduled_at == due] == [status])
        if status not in ("running", "overlapped"):
            executor = self.service._scheduler._lookup_executor("default")
            wait_for(lambda: not executor._instances["pipeline"])

    def runs(self) -> list[Run]:
        """All runs, the newest first."""
        return self.runner.history.runs(1000)


def wait_for(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(1500):
        if condition():
            return
        pause.wait(0.02)
    pytest.fail("the awaited state did not come")


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return make_runner(make_settings(tmp_path), tmp_path)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(datetime(2026, 10, 24, 21, 30, tzinfo=UTC)) as traveller:  # 23:30 in Berlin
        yield traveller


def test_the_history_of_a_day_says_exactly_what_happened(runner: Runner, clock: time_machine.Traveller) -> None:
    """The day has 25 hours, a sleeping machine, a run longer than its interval, and a crash with a restart."""
    stage = Stage(runner, clock)
    hours = [datetime(2026, 10, 24, 22, tzinfo=UTC) + number * HOUR for number in range(25)]
    expected = dict.fromkeys(hours, "unchanged")
    for hour in hours[:5]:  # both passes of the hour from two to three among them
        stage.reach(hour, "unchanged")
    stage.reach(hours[6], "unchanged")  # the machine slept through the fifth
    expected[hours[5]] = "missed"
    stage.work.gate.clear()
    stage.reach(hours[7], "running")
    stage.reach(hours[8], "overlapped")
    expected[hours[8]] = "overlapped"
    stage.work.gate.set()
    stage.await_status(hours[7], "unchanged")
    stage.reach(hours[9], "unchanged")
    stage.work.dies = True
    stage.reach(hours[10], "running")
    wait_for(lambda: not stage.service._scheduler._lookup_executor("default")._instances["pipeline"])
    stage.work.dies = False
    stage.restart(at=hours[11] + HOUR / 2)
    expected |= {hours[10]: "interrupted", hours[11]: "missed"}
    for hour in hours[12:]:
        stage.reach(hour, "unchanged")
    stage.service.stop()
    assert {run.scheduled_at: run.status for run in stage.runs()} == expected
    assert len(stage.runs()) == 25
    reasons = {run.scheduled_at: run.message for run in stage.runs() if run.status != "unchanged"}
    assert reasons == {
        hours[5]: "the machine was asleep, or the previous run took too long; the next run covers it",
        hours[8]: "the run before was still going",
        hours[10]: "the scheduler stopped during this run",
        hours[11]: "the scheduler was not running",
    }
    local = [run.scheduled_at.astimezone(BERLIN).hour for run in reversed(stage.runs()) if run.scheduled_at]
    assert sorted(local) == sorted([*range(24), 2])


def test_a_sleep_through_the_repeated_hour_is_made_up_for_once(runner: Runner, clock: time_machine.Traveller) -> None:
    """2:30 was due twice; by the wall clock neither is the later one."""
    stage = Stage(runner, clock, "30 * * * *")
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    stage.reach(first - HOUR, "unchanged")
    clock.move_to(first + HOUR + timedelta(minutes=20))
    stage.service.wake_up()
    stage.await_status(first + HOUR, "unchanged")
    stage.service.stop()
    found = {run.scheduled_at: run.status for run in stage.runs()}
    assert found == {
        datetime(2026, 10, 24, 22, 30, tzinfo=UTC): "missed",
        first - HOUR: "unchanged",
        first: "missed",
        first + HOUR: "unchanged",
    }


def test_a_due_time_noticed_too_late_is_missed_and_not_run(runner: Runner, clock: time_machine.Traveller) -> None:
    stage = Stage(runner, clock, "0 0 * * *")
    due = datetime(2026, 10, 24, 22, tzinfo=UTC)
    clock.move_to(due + 3 * HOUR)
    stage.service.wake_up()
    stage.await_status(due, "missed")
    stage.service.stop()
    assert "180 minutes late, more than MISFIRE_GRACE_SECONDS allows" in stage.runs()[0].message


def test_a_paused_schedule_starts_nothing_until_it_is_resumed_also_after_a_restart(
    runner: Runner, clock: time_machine.Traveller
) -> None:
    stage = Stage(runner, clock)
    start = datetime(2026, 10, 24, 22, tzinfo=UTC)
    assert stage.service.next_run("pipeline") == start
    stage.service.pause()
    assert stage.service.next_run("pipeline") is None
    stage.reach(start, "missed")
    stage.restart(at=start + HOUR / 2)
    stage.reach(start + HOUR, "missed")
    assert {run.message for run in stage.runs()} == {"the schedule is paused"}
    stage.service.resume()
    stage.reach(start + 2 * HOUR, "unchanged")
    stage.service.stop()


def test_a_run_that_cannot_have_the_lock_says_who_has_it(runner: Runner, clock: time_machine.Traveller) -> None:
    stage = Stage(runner, clock)
    job = stage.service.jobs["pipeline"]
    stage.service.jobs["pipeline"] = Job("pipeline", job.schedule, lambda due: runner.pipeline("schedule"))
    with runner.lock.hold("a backup"):
        stage.service._due(stage.service.jobs["pipeline"])
    stage.service.stop()
    assert stage.runs()[0].status == "locked"
    assert "a backup by process" in stage.runs()[0].message


def test_a_schedule_that_is_off_is_never_due_and_never_missed(runner: Runner, clock: time_machine.Traveller) -> None:
    stage = Stage(runner, clock, "off")
    stage.restart(at=datetime(2026, 11, 24, tzinfo=UTC))
    assert stage.service.next_run("pipeline") is None
    stage.service.stop()
    assert stage.runs() == []


def test_a_year_away_does_not_fill_the_history(runner: Runner, clock: time_machine.Traveller) -> None:
    stage = Stage(runner, clock)
    stage.restart(at=datetime(2027, 10, 24, tzinfo=UTC))
    stage.service.stop()
    assert len(stage.runs()) == 200


def test_a_run_by_hand_is_refused_while_another_holds_the_lock(runner: Runner) -> None:
    service = Service(runner, runner.settings, [])
    with runner.lock.hold("pipeline"), pytest.raises(RunUnderWayError, match="pipeline by process"):
        service.run_now()
    service.stop()
