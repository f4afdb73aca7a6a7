"""The run history, and its mirror in the work database."""

import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
import time_machine

from scheduler.dbt_results import DbtNode
from scheduler.history import History, HistoryError
from scheduler.history_export import TABLES, ensure_tables, export_history
from scheduler.run_result import FailedTest, RunResult, StepResult

NOW = datetime(2026, 5, 1, 8, 0, tzinfo=UTC)


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "history.db")


def step(name: str) -> StepResult:
    return StepResult(name=name, status="succeeded", started_at=NOW, seconds=1.5, rows_in=3, rows_out=2, message="done")


def test_a_run_is_told_as_it_happens(history: History) -> None:
    run_id = history.begin("pipeline", "page", full_refresh=True)
    history.progress(run_id, "extract", 5, 10)
    history.log(run_id, "extract", "info", "half way")
    running = history.run(run_id)
    assert running is not None
    assert (running.status, running.progress_step, running.progress_done, running.progress_total) == (
        "running",
        "extract",
        5,
        10,
    )
    history.add_step(run_id, step("extract"))
    history.finish(run_id, "succeeded", "published generation 1", 1)
    ended = history.run(run_id)
    assert ended is not None
    assert (ended.status, ended.generation, ended.progress_step, ended.full_refresh) == ("succeeded", 1, None, True)
    assert history.steps(run_id) == [step("extract")]
    assert [line.message for line in history.log_lines(run_id)] == ["half way"]


def test_failing_rows_are_kept_and_passing_queries_are_not(history: History) -> None:
    bad = DbtNode(unique_id="test.a", name="a", resource_type="test", status="fail", failures=1, query="select 1")
    good = DbtNode(unique_id="test.b", name="b", resource_type="test", status="pass", query="select 2")
    failed = FailedTest(node=bad, columns=["n"], rows=[["1"], [None]])
    run_id = history.begin("pipeline", "schedule")
    result = RunResult(status="failed", message="", steps=[], dbt=[bad, good], failed_tests=[failed])
    history.add_dbt_results(run_id, result)
    assert history.dbt_results(run_id) == [failed, FailedTest(node=good.model_copy(update={"query": None}))]


def test_a_run_that_never_ended_is_marked_interrupted(history: History) -> None:
    crashed = history.begin("pipeline", "schedule")
    assert history.mark_interrupted() == [crashed]
    assert history.mark_interrupted() == []
    run = history.run(crashed)
    assert run is not None
    assert run.status == "interrupted"


def test_old_runs_go_with_all_that_belongs_to_them(history: History) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        old = history.begin("pipeline", "schedule")
        history.add_step(old, step("extract"))
        history.log(old, "extract", "info", "x")
        history.finish(old, "succeeded", "")
        clock.move_to(NOW + timedelta(days=91))
        new = history.begin("pipeline", "schedule")
        assert history.remove_older_than(90) == 1
    assert [run.id for run in history.runs()] == [new]
    assert history.query("select count(*) from steps")[0][0] == 0
    assert history.query("select count(*) from log_lines")[0][0] == 0


def test_threads_share_the_file(history: History) -> None:
    run_id = history.begin("pipeline", "schedule")

    def write() -> None:
        for number in range(20):
            history.log(run_id, "extract", "info", str(number))

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(history.log_lines(run_id)) == 80


def test_opening_a_history_again_keeps_it(history: History) -> None:
    history.set_state("paused", True)
    again = History(history.path)
    assert again.get_state("paused") is True
    assert again.get_state("never set") is None


def exported(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[object, ...]]:
    return connection.execute(sql).fetchall()


def test_the_export_mirrors_the_history(history: History) -> None:
    first = history.begin("pipeline", "schedule", scheduled_at=NOW)
    history.add_step(first, step("extract"))
    node = DbtNode(unique_id="model.a", name="a", resource_type="model", status="success", seconds=0.5)
    history.add_dbt_results(first, RunResult(status="succeeded", message="", steps=[], dbt=[node]))
    history.finish(first, "succeeded", "published generation 1", 1)
    history.begin("pipeline", "schedule")
    with closing(duckdb.connect()) as connection:
        for _ in range(2):
            export_history(connection, history)
            assert exported(connection, "select run_id, status, full_refresh from raw.pipeline_runs") == [
                (1, "succeeded", False)
            ]
            assert exported(connection, "select name, rows_out, seconds from raw.pipeline_steps") == [
                ("extract", 2, 1.5)
            ]
            assert exported(connection, "select unique_id, seconds from raw.dbt_results") == [("model.a", 0.5)]
            assert exported(connection, "select epoch(scheduled_at) from raw.pipeline_runs") == [(NOW.timestamp(),)]


def test_the_export_forgets_what_the_history_forgot_and_does_not_mistake_a_new_history_for_the_old(
    history: History, tmp_path: Path
) -> None:
    history.finish(history.begin("pipeline", "schedule"), "failed", "old")
    with closing(duckdb.connect()) as connection:
        export_history(connection, history)
        other = History(tmp_path / "other.db")
        other.finish(other.begin("pipeline", "schedule"), "succeeded", "new")
        export_history(connection, other)
        assert exported(connection, "select run_id, message from raw.pipeline_runs") == [(1, "new")]


def test_dbt_creates_the_same_tables_where_no_runner_has_been() -> None:
    """The macro scheduler_table and the export must agree on every column, in order."""
    macro = (Path(__file__).parents[3] / "dbt/macros/scheduler_table.sql").read_text(encoding="utf-8")
    flat = "".join(macro.replace("' ~ '", "").replace("'\n            ~ '", "").split("\n"))
    for name, columns in TABLES.items():
        listed = ", ".join(f"{column} {kind}" for column, kind in columns.items())
        assert f"'{name}': '{listed}'" in " ".join(flat.replace("'            ~ '", "").split())
    with closing(duckdb.connect()) as connection:
        ensure_tables(connection)
        assert len(exported(connection, "select 1 from duckdb_tables() where schema_name = 'raw'")) == 3


def test_a_history_of_a_later_version_keeps_its_number(tmp_path: Path) -> None:
    """Else that version would go through its steps a second time, and fail."""
    path = History(tmp_path / "history.db").path
    with closing(sqlite3.connect(path)) as database:
        database.execute("pragma user_version = 99")
        History(path)
        assert database.execute("pragma user_version").fetchone() == (99,)


def test_a_history_that_is_no_database_is_named_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    path.write_bytes(b"no database " * 1000)
    with pytest.raises(HistoryError, match=r"history\.db cannot be used \(.*\); move it away"):
        History(path)


def test_a_history_that_cannot_be_written_is_told_from_a_broken_one(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    path.mkdir()
    with pytest.raises(HistoryError, match=r"unable to open database file\); check that its disk has space"):
        History(path)


def test_while_it_is_kept_open_no_message_waits_for_the_disk(history: History) -> None:
    log = history.path.with_name(history.path.name + "-wal")
    run_id = history.begin("pipeline", "page")
    with history.kept_open():
        history.log(run_id, "extract", "info", "half way")
        assert log.stat().st_size > 0
    history.log(run_id, "extract", "info", "done")
    assert not log.exists()
    assert [line.message for line in history.log_lines(run_id)] == ["half way", "done"]
