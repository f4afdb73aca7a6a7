"""Whole runs over a small dbt project: what is published, what is skipped, and what a person is told."""

import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from scheduler.docs import dbt_docs
from scheduler.lock import LockHeld
from scheduler.pipeline_parts import Collected, Refresh
from scheduler.publish import Generation
from scheduler.run_result import Event, RunResult
from scheduler.runner import Runner
from tests.integration.scheduler.small import loader_of, make_project, make_runner, make_settings, published, run

pytestmark = pytest.mark.integration


def statuses(result: RunResult) -> dict[str, str]:
    return {step.name: step.status for step in result.steps}


def test_a_run_publishes_what_came_and_a_run_without_news_says_so(runner: Runner) -> None:
    first = run(runner)
    assert (first.status, first.message) == ("succeeded", "published generation 1")
    assert published(runner, "select count(*) from marts.facts") == [(2,)]
    second = run(runner)
    assert second.status == "unchanged"
    assert statuses(second) == {
        "extract": "succeeded",
        "load": "succeeded",
        "transform": "skipped",
        "publish": "skipped",
        "refresh": "skipped",
    }
    assert second.generation == first.generation
    loader_of(runner).waiting = [2]
    assert run(runner).message == "published generation 2"
    assert [run.status for run in runner.history.runs()] == ["succeeded", "unchanged", "succeeded"]


def test_a_change_of_the_models_or_of_the_variables_is_news(runner: Runner) -> None:
    run(runner)
    with (runner.parts.project.project_dir / "models/facts.sql").open("a", encoding="utf-8") as model:
        model.write("-- changed\n")
    assert run(runner).status == "succeeded"
    runner.parts.project.vars["timezone"] = "Asia/Tokyo"
    assert run(runner).status == "succeeded"
    assert published(runner, "select distinct timezone from marts.facts") == [("Asia/Tokyo",)]


def test_a_failed_test_publishes_nothing_and_shows_the_rows(runner: Runner) -> None:
    run(runner)
    loader_of(runner).waiting = [7, 8]
    result = run(runner)
    assert result.status == "failed"
    assert "test accepted_values_facts_n" in result.message
    assert "failed with 2 rows" in result.message
    assert "nothing was published" in result.message
    (failed,) = result.failed_tests
    assert failed.columns[0] == "value_field"
    assert sorted(row[0] or "" for row in failed.rows) == ["7", "8"]
    assert failed.node.query is not None
    with duckdb.connect(str(runner.parts.volume.work_database), read_only=True) as connection:
        assert len(connection.execute(failed.node.query).fetchall()) == 2
    assert published(runner, "select count(*) from marts.facts") == [(2,)]
    (kept,) = [test for test in runner.history.dbt_results(2) if test.node.failed]
    assert kept == failed
    assert run(runner).status == "failed"  # it does not pass for old news


def test_a_full_refresh_rebuilds_also_without_news(runner: Runner) -> None:
    run(runner)
    assert run(runner, full_refresh=True).message == "published generation 2"
    assert loader_of(runner).full_refreshes == [False, True]


def test_an_incremental_model_is_rebuilt_after_a_full_load_that_dbt_never_saw(runner: Runner) -> None:
    """The load is committed, then the scheduler is killed: the next run must not add to models of the old rows."""
    model = runner.parts.project.project_dir / "models/facts.sql"
    model.write_text("{{ config(materialized='incremental') }} " + model.read_text(), encoding="utf-8")
    run(runner)
    with duckdb.connect(str(runner.parts.volume.work_database)) as connection:
        connection.execute("delete from raw.conversations")
        connection.execute("insert into raw.conversations values (4, now(), now())")
        connection.execute("insert into raw.loads values (2, 'another table', now())")
    assert run(runner).status == "succeeded"
    assert published(runner, "select n from marts.facts") == [(4,)]


def test_what_fails_to_refresh_is_a_warning_and_is_tried_again(runner: Runner, tmp_path: Path) -> None:
    seen: list[int] = []

    def report(generation: Generation) -> None:
        seen.append(generation.number)
        if len(seen) == 1:
            raise ConnectionError("Metabase is down")

    settings = make_settings(tmp_path / "other")
    other = make_runner(settings, runner.parts.project.project_dir, refresh=(Refresh("Metabase", report),))
    first, second, third = (other.pipeline("command") for _ in range(3))
    other.close()
    assert (first.status, statuses(first)["refresh"]) == ("succeeded", "warned")
    assert first.warnings == [
        "source raw.conversations: it has no rows",
        "Metabase: Metabase is down; the next run tries again",
    ]
    assert (second.status, statuses(second)["refresh"]) == ("unchanged", "succeeded")
    assert statuses(third)["refresh"] == "skipped"
    assert seen == [1, 1]


def test_what_was_undone_since_is_done_again_by_a_run_that_publishes_nothing(runner: Runner, tmp_path: Path) -> None:
    seen: list[int] = []
    refresh = Refresh("Metabase", lambda generation: seen.append(generation.number), lambda _: len(seen) > 1)
    other = make_runner(make_settings(tmp_path / "other"), runner.parts.project.project_dir, refresh=(refresh,))
    found = [statuses(other.pipeline("command"))["refresh"] for _ in range(3)]
    other.close()
    assert found == ["succeeded", "succeeded", "skipped"]
    assert seen == [1, 1]


def test_the_dbt_docs_follow_the_models_and_not_every_generation(runner: Runner) -> None:
    project = runner.parts.project
    runner.parts = replace(runner.parts, refresh=(dbt_docs(project),))
    run(runner)
    project.docs_page.write_text("as it was", encoding="utf-8")
    loader_of(runner).waiting = [3]
    assert run(runner).status == "succeeded"
    assert project.docs_page.read_text(encoding="utf-8") == "as it was"
    with (project.project_dir / "models/facts.sql").open("a", encoding="utf-8") as model:
        model.write("-- changed\n")
    assert run(runner).status == "succeeded"
    assert "facts" in project.docs_page.read_text(encoding="utf-8")


def test_the_collector_is_the_first_step_where_it_is_given(runner: Runner, tmp_path: Path) -> None:
    settings = make_settings(tmp_path / "other")
    collect = {"collect": lambda progress: Collected(lines=5, documents=3)}
    other = make_runner(settings, runner.parts.project.project_dir, **collect)
    first = other.pipeline("command").steps[0]
    other.close()
    assert (first.name, first.rows_in, first.rows_out, first.message) == ("collect", 5, 3, "3 new lines")


def test_progress_and_steps_are_told_while_they_happen(runner: Runner) -> None:
    events: list[Event] = []
    runner.pipeline("command", on_event=events.append)
    steps = [event.step for event in events if event.kind == "step_started"]
    assert steps == ["extract", "load", "transform", "publish", "refresh"]
    assert any(event.kind == "progress" and event.step == "transform" and event.total == 3 for event in events)


def test_a_second_run_is_told_who_runs_and_leaves_no_trace(runner: Runner) -> None:
    with runner.lock.hold("pipeline"), pytest.raises(LockHeld):
        run(runner)
    assert runner.history.runs() == []


def test_a_program_that_has_the_work_database_open_is_named_and_waited_for(runner: Runner) -> None:
    run(runner)
    database = runner.parts.volume.work_database
    script = f"import duckdb, sys; c = duckdb.connect({str(database)!r}); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        loader_of(runner).waiting = [3]
        result = run(runner)
        assert result.status == "failed"
        assert f"is open in process {other.pid} (" in result.message
        assert f"close that program, or read {runner.parts.volume.well_known_database} instead" in result.message

        def end(event: Event) -> None:
            if "waiting" in event.message:
                other.kill()

        assert runner.pipeline("command", on_event=end).status == "succeeded"
    assert published(runner, "select count(*) from marts.facts") == [(3,)]


def test_a_stop_ends_the_step_and_the_run_is_marked_interrupted(runner: Runner) -> None:
    loader = loader_of(runner)
    loader.gate.clear()
    results: list[RunResult] = []
    thread = threading.Thread(target=lambda: results.append(run(runner)))
    thread.start()
    assert loader.extracting.wait(120)
    runner.stop.set()
    thread.join(120)
    assert results[0].status == "interrupted"
    assert results[0].message == "extract: the run was told to stop"
    assert runner.history.runs()[0].status == "interrupted"
    assert runner.lock.holder() is None


def test_a_step_past_its_time_limit_fails(tmp_path: Path) -> None:
    runner = make_runner(make_settings(tmp_path), make_project(tmp_path / "project"), step_time_limit=0.2)
    loader_of(runner).gate.clear()
    result = run(runner)
    runner.close()
    assert (result.status, result.message) == (
        "failed",
        "extract: extract took longer than STEP_TIMEOUT_SECONDS allows",
    )


def test_the_published_database_holds_the_schedulers_own_history(runner: Runner) -> None:
    run(runner)
    loader_of(runner).waiting = [2]
    run(runner)
    assert published(runner, "select run_id, kind, status, generation from raw.pipeline_runs") == [
        (1, "pipeline", "succeeded", 1)
    ]
    assert published(runner, "select name, rows_out from raw.pipeline_steps where position < 2 order by position") == [
        ("extract", 2),
        ("load", 2),
    ]
    kinds = "select resource_type, count(*) from raw.dbt_results group by all order by all"
    assert published(runner, kinds) == [("model", 1), ("test", 2)]


def test_maintenance_forgets_old_logs_and_says_what_it_did(runner: Runner) -> None:
    result = runner.maintenance("command")
    assert result.status == "succeeded"
    assert [step.name for step in result.steps] == ["iceberg", "generations", "models", "history", "logs"]
    assert runner.history.runs()[0].kind == "maintenance"


def test_where_no_service_works_a_run_does_the_maintenance_once_a_week(runner: Runner) -> None:
    """Else the snapshots of a year of runs by cron would stay."""
    assert runner.maintain_if_overdue() is None  # there was no run yet
    run(runner)
    assert runner.maintain_if_overdue() is None
    _age(runner, days=8)
    done = runner.maintain_if_overdue()
    assert done is not None
    assert done.status == "succeeded"
    assert runner.maintain_if_overdue() is None
    _age(runner, days=8)
    runner.settings = runner.settings.model_copy(update={"maintenance_schedule": "off"})
    assert runner.maintain_if_overdue() is None


def _age(runner: Runner, days: int) -> None:
    with closing(sqlite3.connect(runner.history.path)) as database, database:
        database.execute(
            "update runs set started_at = strftime('%Y-%m-%dT%H:%M:%f+00:00', started_at, ?)", (f"-{days} days",)
        )
