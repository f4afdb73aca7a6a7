"""What a run tries again, what it does not, and what it says then."""

import errno
import os

import pytest

from scheduler.loader_client import LoaderError
from scheduler.run_result import Event
from scheduler.runner import Runner
from tests.integration.scheduler.small import loader_of, published, run

pytestmark = pytest.mark.integration


def test_a_server_that_is_down_for_a_moment_costs_a_retry_and_not_the_run(runner: Runner) -> None:
    loader_of(runner).errors = [ConnectionError("refused")]
    result = run(runner)
    assert result.status == "succeeded"
    assert result.steps[0].attempts == 2
    assert any("attempt 1 failed: ConnectionError: refused" in line.message for line in runner.history.log_lines(1))


def test_a_dbt_process_that_is_killed_costs_a_retry_and_not_the_run(runner: Runner) -> None:
    def kill_once(event: Event) -> None:
        process = runner.parts.project._process._process
        if event.step == "transform" and "START" in event.message and not killed and process:
            killed.append(process.pid)
            process.kill()

    killed: list[int] = []
    result = runner.pipeline("command", on_event=kill_once)
    assert len(killed) == 1
    assert [step.attempts for step in result.steps if step.name == "transform"] == [2]
    assert result.status == "succeeded"
    assert any("ended with exit code -9" in line.message for line in runner.history.log_lines(1))
    assert published(runner, "select count(*) from marts.facts") == [(2,)]


def test_a_build_that_lacks_memory_is_done_once_more_by_one_thread(runner: Runner) -> None:
    model = runner.parts.project.project_dir / "models/wide.sql"
    # stands for a query that fits into memory alone and not beside another
    model.write_text(
        "select if('{{ env_var('DUCKDB_THREADS') }}' = '1', 1, error('Out of Memory Error: no room')) as n",
        encoding="utf-8",
    )
    result = run(runner)
    assert result.status == "succeeded"
    assert published(runner, "from marts.wide") == [(1,)]
    said = [line.message for line in runner.history.log_lines(1) if line.level == "warn"]
    assert [text for text in said if "retrying with one query at a time" in text]


def test_an_error_that_no_retry_can_help_fails_at_once_with_its_traceback_in_the_log(runner: Runner) -> None:
    loader_of(runner).errors = [ValueError("a document without an id")]
    result = run(runner)
    assert result.message == "extract: ValueError: a document without an id"
    assert result.steps[0].attempts == 1
    assert any("Traceback" in line.message for line in runner.history.log_lines(1))


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        LoaderError("the loader answered 500 to load: IOException: Could not write file: No space left on device"),
    ],
)
def test_a_full_disk_says_what_to_do_whoever_met_it(runner: Runner, error: Exception) -> None:
    loader_of(runner).errors = [error]
    message = run(runner).message
    assert message.startswith("extract: a disk is full; free some space, and the next run continues automatically (")
    assert str(error) in message
    assert run(runner).status == "succeeded"


def test_an_error_of_ours_speaks_for_itself(runner: Runner) -> None:
    loader_of(runner).errors = [LoaderError("the loader answered 500 to extract: check MONGO_URI")]
    assert run(runner).message == "extract: the loader answered 500 to extract: check MONGO_URI"
    assert not any("Traceback" in line.message for line in runner.history.log_lines(1))
