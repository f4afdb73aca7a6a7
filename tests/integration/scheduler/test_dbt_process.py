"""The warm dbt process: shared by commands, ended when it must be, and never left with the database open."""

import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest

from common.paths import DataPaths
from scheduler.dbt_project import DbtInterruptedError, DbtProcessError, DbtProject
from tests.integration.collecting import wait_until
from tests.integration.scheduler.small import CountingLoader, make_project, make_settings

pytestmark = pytest.mark.integration
real_dbt = pytest.mark.usefixtures("real_dbt")
"""For tests of how the process starts and ends; the others take a fork."""

SLOW_MODEL = "select count(*) as n from range(100000000) a, range(100000) b where a.range * b.range = 7"
BUILD = """
import sys
from pathlib import Path
from scheduler.dbt_project import DbtProject
from common.paths import DataPaths
from tests.integration.scheduler.small import make_settings
settings = make_settings(Path(sys.argv[1]))
project = DbtProject(Path(sys.argv[2]), DataPaths.of(settings).duckdb, settings)
project.build(on_event=lambda event: print(event["name"], project._process._process.pid, flush=True))
"""


@pytest.fixture
def project(tmp_path: Path) -> DbtProject:
    settings = make_settings(tmp_path)
    volume = DataPaths.of(settings).duckdb
    loader = CountingLoader(volume.work_database)
    loader.waiting = [1, 2, 3]
    loader.load()
    return DbtProject(make_project(tmp_path / "project"), volume, settings)


def is_free(project: DbtProject) -> bool:
    """True when another process can open the work database for writing and no write-ahead log lies beside it."""
    command = [sys.executable, "-c", f"import duckdb; duckdb.connect({str(project.volume.work_database)!r}).close()"]
    opened = subprocess.run(command, capture_output=True, check=False).returncode == 0
    return opened and not project.volume.work_database.with_name("analytics.db.wal").exists()


@real_dbt
def test_commands_share_one_warm_process_that_leaves_the_database_free_between_them(project: DbtProject) -> None:
    before = set(project.project_dir.rglob("*"))
    first = project.build()
    assert first.success, first.describe()
    process = project._process._process
    assert is_free(project)
    assert project.build().success
    assert project._process._process is process
    assert project.freshness().nodes[0].status == "pass"
    assert project.docs().success
    assert project.docs_page.stat().st_size > 100_000
    assert is_free(project)
    assert set(project.project_dir.rglob("*")) == before  # nothing is written beside the models
    project.close()


def test_variables_reach_the_models_and_a_command_can_bring_its_own(project: DbtProject) -> None:
    def timezones() -> list[tuple[str, ...]]:
        with duckdb.connect(str(project.volume.work_database), read_only=True) as connection:
            return connection.execute("select distinct timezone from marts.facts").fetchall()

    assert project.build().success
    assert timezones() == [("Europe/Berlin",)]
    assert project.invoke(["run", "--vars", "{timezone: Asia/Tokyo}"]).success
    assert timezones() == [("Asia/Tokyo",)]
    project.close()


def test_a_parse_error_is_told_in_one_line(project: DbtProject) -> None:
    (project.project_dir / "models/wrong.sql").write_text("select * from {{ ref('nothing') }}", encoding="utf-8")
    outcome = project.build()
    assert not outcome.success
    assert outcome.nodes == []
    assert "depends on a node named 'nothing' which was not found" in outcome.describe()
    project.close()


@pytest.mark.parametrize("reason", ["stop", "time limit"])
def test_a_build_that_takes_too_long_or_is_no_longer_wanted_is_ended(
    project: DbtProject, reason: str, request: pytest.FixtureRequest
) -> None:
    if reason == "stop":
        request.getfixturevalue("real_dbt")
    (project.project_dir / "models/slow.sql").write_text(SLOW_MODEL, encoding="utf-8")
    assert project.invoke(["parse"]).success  # a build begins at once
    stop = threading.Event()

    def on_event(event: dict[str, str]) -> None:
        if event["name"] == "LogStartLine" and "slow" in event["message"] and reason == "stop":
            stop.set()

    with pytest.raises(DbtInterruptedError, match="told to stop" if reason == "stop" else "time limit"):
        project.build(on_event=on_event, stop=stop, time_limit=None if reason == "stop" else 2)
    assert is_free(project)
    (project.project_dir / "models/slow.sql").unlink()
    assert project.build().success  # in a fresh process
    project.close()


@real_dbt
def test_a_process_that_is_killed_is_reported_and_replaced(project: DbtProject) -> None:
    def kill(event: dict[str, str]) -> None:
        if event["name"] == "LogStartLine" and project._process._process:
            project._process._process.kill()

    with pytest.raises(DbtProcessError, match=r"ended with exit code -9; see its output in .*worker\.log"):
        project.build(on_event=kill)
    assert is_free(project)
    assert project.build().success
    project.close()


@real_dbt
def test_the_process_dies_with_its_parent(project: DbtProject, tmp_path: Path) -> None:
    """A build must not outlive the pipeline lock, which the kernel frees when the parent is killed."""
    (project.project_dir / "models/slow.sql").write_text(SLOW_MODEL, encoding="utf-8")
    command = [sys.executable, "-c", BUILD, str(tmp_path), str(project.project_dir)]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    event, worker = next(line.split() for line in parent.stdout if line.startswith("LogStartLine"))
    assert event
    watch = os.pidfd_open(int(worker))
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    ended, _, _ = select.select([watch], [], [], 30)  # a pidfd is readable once its process has ended
    assert ended
    assert is_free(project)


@real_dbt
def test_the_terminal_command_returns_dbts_exit_code(project: DbtProject, capfd: pytest.CaptureFixture[str]) -> None:
    assert project.console(["ls", "--resource-type", "model"]) == 0
    assert "small.facts" in capfd.readouterr().out
    assert project.console(["build", "--no-such-option"]) == 2


def test_the_fingerprint_changes_with_any_file_of_the_project_and_with_the_users_prices(project: DbtProject) -> None:
    before = project.fingerprint()
    (project.project_dir / "target").mkdir()
    (project.project_dir / "target/x.json").touch()
    assert project.fingerprint() == before
    (project.project_dir / "models/facts.yml").write_text("models: []", encoding="utf-8")
    changed = project.fingerprint()
    assert changed != before
    prices = project.project_dir.parent / "prices.csv"
    project.own_prices = prices
    assert project.fingerprint() == changed
    prices.write_text("model,input", encoding="utf-8")
    assert project.fingerprint() != changed


def test_a_project_that_was_never_parsed_is_parsed_while_other_steps_work(project: DbtProject) -> None:
    parsed = project.target_path() / "partial_parse.msgpack"
    project.warm_up()
    project.warm_up()  # each step may ask for it
    wait_until(parsed.exists)
    assert is_free(project)
    assert project.build().success
    assert project.build().success  # no answer of the first command is taken for this one's
    project.close()


def test_what_dbt_parsed_of_another_version_of_the_project_is_not_read(project: DbtProject) -> None:
    """After an upgrade's way back dbt missed documents that only the newer version had."""
    events: list[str] = []

    def build() -> bool:
        events.clear()
        success = project.build(on_event=lambda event: events.append(event["name"])).success
        return success and "UnableToPartialParse" in events

    assert build()  # there is nothing to read yet
    assert not build()
    (project.project_dir / "models/words.md").write_text("{% docs word %}What it is.{% enddocs %}", encoding="utf-8")
    assert build()
    project.close()


def test_what_is_wrong_with_a_project_is_told_by_the_build_and_not_by_the_warm_up(project: DbtProject) -> None:
    (project.project_dir / "models/wrong.sql").write_text("select * from {{ ref('nothing') }}", encoding="utf-8")
    project.warm_up()
    assert "depends on a node named 'nothing' which was not found" in project.build().describe()
    project.close()
