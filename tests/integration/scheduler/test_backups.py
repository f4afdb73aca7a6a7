"""The scheduler makes backups beside the pipeline, keeps what came of them, and says where they fail or are missing."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from fastapi.testclient import TestClient

from common.errors import AnalyticsError
from common.loader_results import BackedUp
from scheduler.backup_run import backup_problem, last_backup
from scheduler.loader_calls import Progress
from scheduler.lock import LockHeld
from scheduler.runner import Runner
from scheduler.schedule import ScheduleError
from scheduler.service import Service, service_jobs
from scheduler.web import create_app

DONE = BackedUp(message="Backup 1: 3 lines", rows=3, size=2048, new_size=1024)


class Making:
    """Stands where the vault stands: makes a backup that ends at once, waits at a gate, or fails."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.at_work = threading.Event()

    def __call__(self, progress: Progress) -> BackedUp:  # noqa: D102 (the class says it)
        self.at_work.set()
        while not self.gate.wait(0.02):
            progress(1, None)
        if self.error:
            raise self.error
        progress(3, None)
        return DONE


@pytest.fixture
def making(runner: Runner) -> Making:
    made = Making()
    runner.parts = replace(runner.parts, backup=made)
    return made


def test_a_backup_is_a_run_of_the_history(runner: Runner, making: Making) -> None:
    assert runner.backup("command").ok
    (run,) = runner.history.runs(kind="backup")
    assert (run.status, run.message) == ("succeeded", DONE.message)
    kept = last_backup(runner.history)
    assert kept is not None
    assert (kept["rows"], kept["size"], kept["new_size"]) == (3, 2048, 1024)


def test_it_neither_waits_for_the_pipeline_nor_is_taken_for_interrupted(runner: Runner, making: Making) -> None:
    making.gate.clear()
    thread = threading.Thread(target=runner.backup, args=["schedule"])
    thread.start()
    assert making.at_work.wait(60)
    assert runner.pipeline("command").status == "succeeded"
    runner.mark_interrupted()
    with pytest.raises(LockHeld):
        runner.backup("command")
    making.gate.set()
    thread.join()
    assert [run.status for run in runner.history.runs(kind="backup")] == ["succeeded"]


def test_one_that_was_killed_is_marked(runner: Runner, making: Making) -> None:
    runner.history.begin("backup", "schedule")
    assert runner.pipeline("command").ok
    assert runner.history.last("running", kind="backup") is not None, "the pipeline does not know whether it works"
    runner.mark_interrupted()
    assert runner.history.last("interrupted", kind="backup") is not None


def test_one_that_is_to_stop_ends(runner: Runner, making: Making) -> None:
    making.gate.clear()
    runner.stop.set()
    assert runner.backup("schedule").status == "interrupted"
    assert last_backup(runner.history) is None


def test_a_failed_one_is_a_problem_until_the_next(runner: Runner, making: Making) -> None:
    making.error = AnalyticsError("the disk is full; free some space")
    assert runner.backup("schedule").status == "failed"
    incident = runner.alerts.incident()
    assert incident is not None
    assert incident["problems"] == ["The last backup failed. Run 1: the disk is full; free some space"]
    making.error = None
    assert runner.backup("schedule").ok
    assert runner.alerts.incident() is None


def test_two_due_times_without_one_are_a_problem(runner: Runner, making: Making) -> None:
    daily = runner.settings.model_copy(update={"backup_schedule": "0 3 * * *", "timezone": "UTC"})
    with time_machine.travel(datetime(2026, 6, 1, 12, tzinfo=UTC), tick=False) as clock:
        runner.backup("command")
        assert backup_problem(runner.history, daily) is None
        clock.shift(timedelta(days=1))
        assert backup_problem(runner.history, daily) is None
        clock.shift(timedelta(days=1))
        problem = backup_problem(runner.history, daily)
        assert problem is not None
        assert "The scheduled backup (0 3 * * *) was not made: the last one is 48 hours old" in problem
        assert backup_problem(runner.history, runner.settings) is None, "none is scheduled"


def test_a_schedule_without_a_place_is_wrong(runner: Runner) -> None:
    settings = runner.settings.model_copy(update={"backup_schedule": "1d"})
    with pytest.raises(ScheduleError, match="expected a location in BACKUP_TO, found none"):
        service_jobs(runner, settings)


def test_page_metrics_and_api_say_how_old_the_last_one_is(runner: Runner, making: Making, tmp_path: Path) -> None:
    settings = runner.settings.model_copy(update={"backup_schedule": "0 3 * * *"})
    service = Service(runner, settings)
    service.start()
    try:
        client = TestClient(create_app(service, settings, version="1"), base_url="http://127.0.0.1")
        assert "No backup yet." in client.get("/").text
        service.jobs["backup"].run(None)
        assert "Last backup" in client.get("/").text
        assert "2 KiB" in client.get("/").text
        assert "claude_analytics_backup_bytes 2048.0" in client.get("/metrics").text
        status = client.get("/api/status").json()
        assert status["last_backup"]["message"] == DONE.message
        assert status["next_backup"]
    finally:
        service.stop()
