"""The command line: what a person is told, also when something is missing, broken or in use. Exit codes are kept."""

import json
import os
import stat
import webbrowser
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import duckdb
import pytest
import structlog
from typer.testing import CliRunner, Result

from cli.main import app
from cli.quick import COMMANDS
from cli.terminal import EXIT_USAGE
from common import VERSION
from common.paths import DuckDBVolume
from scheduler.dbt_results import DbtNode
from scheduler.history import History
from scheduler.lock import PipelineLock
from scheduler.publish import MANIFEST_FILE, Generation
from scheduler.run_result import FailedTest, RunResult, StepResult
from tests.unit.served import served
from verify.compare import VerifyError


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty data directory of the test's own; the commands' umask and log end with the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    before = os.umask(0o022)
    yield tmp_path / "data"
    os.umask(before)
    structlog.reset_defaults()


def analytics(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def publish(data: Path, *statements: str) -> Path:
    file = DuckDBVolume(data / "duckdb").published_database
    file.parent.mkdir(parents=True)
    with duckdb.connect(str(file)) as database:
        for statement in statements:
            database.execute(statement)
    return file


def test_status_says_that_nothing_is_published_and_that_the_first_run_is_at_work(data: Path) -> None:
    with PipelineLock(DuckDBVolume(data / "duckdb").lock).hold("pipeline"):
        shown, as_json = analytics("status", "--data", str(data)), analytics("status", "--data", str(data), "--json")
    assert f"Running: pipeline by process {os.getpid()}" in shown.output
    assert "start with ./analytics run" in shown.output
    facts = json.loads(as_json.stdout)
    assert (facts["generation"], facts["summary"]) == (None, None)
    assert facts["running"].startswith("pipeline by process")
    assert (shown.exit_code, as_json.exit_code) == (0, 0)


def test_what_a_command_writes_is_for_this_user_alone(data: Path) -> None:
    assert analytics("pause", "--data", str(data)).exit_code == 0
    for path in (data, data / "scheduler", data / "scheduler" / "history.db"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"MONGO_URI": "mongodb://u:se/cret@host"}, "MONGO_URI: expected mongodb://USER:PASSWORD@HOST:PORT/"),
        ({"MONGO_URI": "mongodb://127.0.0.1:9", "DBT_TARGET": "test"}, "DBT_TARGET: expected dev or prod for a run"),
    ],
)
def test_a_run_that_cannot_be_is_refused_before_it_begins(
    data: Path, monkeypatch: pytest.MonkeyPatch, choices: dict[str, str], said: str
) -> None:
    for name, value in choices.items():
        monkeypatch.setenv(name, value)
    refused = analytics("run", "--data", str(data), "--transcripts", str(data.parent))
    assert refused.exit_code == EXIT_USAGE
    assert refused.output.startswith(f"error: {said}")
    assert "cret" not in refused.output


@pytest.mark.parametrize("query", ["", "  ", "/* nothing */"])
def test_no_statement_is_wrong_usage(data: Path, query: str) -> None:
    publish(data)
    result = analytics("sql", query, "--data", str(data))
    assert result.exit_code == 2
    assert "expected a statement" in result.stderr


@pytest.mark.parametrize("query", ["create table x as select 1", "delete from t", "drop table t", "selec", "from nope"])
def test_what_cannot_be_answered_takes_one_line_and_changes_nothing(data: Path, query: str) -> None:
    publish(data, "create table t as select 1 as n")
    result = analytics("sql", query, "--data", str(data))
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert analytics("sql", "select count(*) from t", "--data", str(data), "--csv").stdout.split() == [
        "count_star()",
        "1",
    ]


def test_no_column_is_left_out_however_narrow_the_terminal(data: Path) -> None:
    publish(data)
    columns = ", ".join(f"{n} as column_number_{n}" for n in range(30))
    shown = analytics("sql", f"select {columns}", "--data", str(data)).stdout
    assert [n for n in range(30) if f"column_number_{n} " not in shown] == []
    assert "1 row" in shown


@pytest.mark.parametrize("command", ["status", "sql", "report", "verify"])
def test_a_published_file_that_cannot_be_read_takes_one_line_with_a_remedy(data: Path, command: str) -> None:
    publish(data).write_bytes(b"no database " * 1000)
    (data / "transcripts").mkdir()
    more = {"sql": ["select 1"], "verify": ["--transcripts", str(data / "transcripts")]}.get(command, [])
    result = analytics(command, *more, "--data", str(data))
    assert result.exit_code == 1
    assert "./analytics run --full-refresh" in result.stderr
    assert result.stderr.count("\n") == 1


def test_verify_counts_with_the_timezone_and_the_prices_of_the_published_figures(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = {"dbt_vars": {"timezone": "Asia/Tokyo"}}
    generation = Generation(number=1, created_at=datetime.now(UTC), bytes=0, row_counts={}, facts=facts)
    (publish(data).parent / MANIFEST_FILE).write_text(generation.model_dump_json())
    asked: list[object] = []

    def count_again(*arguments: object, left_out: Callable[[dict[str, Path]], set[str]]) -> None:
        asked.extend(arguments[2:])
        assert left_out({}) == set()
        raise VerifyError("enough")

    monkeypatch.setattr("verify.compare.verify", count_again)
    monkeypatch.setenv("TIMEZONE", "Europe/Berlin")
    monkeypatch.setenv("MODEL_PRICES_CSV", str(data / "prices.csv"))
    analytics("verify", "--data", str(data))
    assert asked == ["Asia/Tokyo", data / "prices.csv"]


def test_a_history_that_cannot_be_read_takes_one_line_with_a_remedy(data: Path) -> None:
    (data / "scheduler").mkdir(parents=True)
    (data / "scheduler" / "history.db").write_bytes(b"no database " * 1000)
    result = analytics("runs", "--data", str(data))
    assert result.exit_code == 1
    assert "move it away" in result.stderr


def test_the_log_of_a_failed_run_begins_with_its_steps_and_tests_their_rows_and_their_query(data: Path) -> None:
    history = History(data / "scheduler" / "history.db")
    run = history.begin("pipeline", "command")
    for number in range(2100):
        history.log(run, "transform", "info", f"line {number}")
    history.add_step(
        run, StepResult(name="transform", status="failed", started_at=datetime.now(UTC), seconds=2.5, message="m")
    )
    node = DbtNode(
        unique_id="test.p.unique_n",
        name="unique_n",
        resource_type="test",
        status="fail",
        message="Got 2 results",
        query="select n from t",
    )
    failed = FailedTest(node=node, columns=["n"], rows=[["4711"]])
    history.add_dbt_results(run, RunResult(status="failed", message="", steps=[], dbt=[node], failed_tests=[failed]))
    shown = analytics("logs", str(run), "--data", str(data)).stdout
    for part in ("line 0\n", "line 2099\n", "unique_n: Got 2 results", "4711", "select n from t"):
        assert part in shown
    assert shown.startswith("✗ transform")
    assert "2.5 s  m" in shown.splitlines()[0]
    assert shown.index("select n from t") < shown.index("line 0\n")


def test_a_second_demo_leaves_the_first_ones_files_alone(data: Path) -> None:
    data.mkdir()
    with PipelineLock(data / "demo").hold("demo"):
        (data / "something").touch()
        result = analytics("demo", "--data", str(data))
    assert result.exit_code == 75
    assert "demo by process" in result.stderr
    assert (data / "something").exists()


def test_a_demo_deletes_only_what_a_demo_made(data: Path) -> None:
    data.mkdir()
    (data / "diary.txt").touch()
    result = analytics("demo", "--data", str(data))
    assert result.exit_code == 2
    assert "--data: expected an empty folder or a demo" in result.stderr
    assert [path.name for path in data.iterdir()] == ["diary.txt"]


@pytest.fixture
def busy_service() -> Iterator[int]:
    """A service that answers every POST as ours does while a run is at work; its port."""

    class Page(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(409)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps({"error": "another run holds the lock"}).encode())

    with served(Page) as port:
        yield port


def test_a_service_that_is_busy_is_told_with_its_reason_and_the_locks_exit_code(
    data: Path, busy_service: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCHEDULER_PORT", str(busy_service))
    result = analytics("run", "--now", "--data", str(data))
    assert result.exit_code == 75
    assert "another run holds the lock" in result.stderr


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        ("select * from figurse", 'Did you mean "figures"'),
        ("select tokns from figures", 'Candidate bindings: "tokens"'),
    ],
)
def test_what_duckdb_suggests_is_kept_and_its_picture_of_the_query_is_not(data: Path, query: str, hint: str) -> None:
    publish(data, "create table figures as select 1 as tokens")
    said = analytics("sql", query, "--data", str(data)).stderr
    assert hint in said
    assert "LINE 1" not in said
    assert said.count("\n") == 1


def test_the_version_is_said(data: Path) -> None:
    assert analytics("--version").stdout == f"claude-analytics {VERSION}\n"


def test_quick_commands_are_listed_and_started_like_all_others(data: Path) -> None:
    listed = analytics("--help").stdout
    assert all(f" {name} " in listed for name in COMMANDS)
    nothing = analytics("daily", "--data", str(data))
    assert nothing.exit_code == 1
    assert nothing.stderr == f"error: nothing is published in {data / 'duckdb'} yet: start with ./analytics run\n"
    assert analytics("daily", "--nope").exit_code == 2
    assert "--breakdown" in analytics("daily", "--help").stdout


@pytest.mark.parametrize("started", [True, False])
def test_the_report_is_opened_where_there_is_a_browser(
    data: Path, started: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(data)
    opened: list[str] = []

    def browser(address: str) -> bool:
        opened.append(address)
        return started

    monkeypatch.setattr("report.html.write_report", lambda *_, **__: None)
    monkeypatch.setattr(webbrowser, "open", browser)
    result = analytics("report", "--open", "--data", str(data))
    assert opened == [(data / "report.html").as_uri()]
    assert result.exit_code == (0 if started else 1)
    assert ("no browser could be started" in result.stderr) is not started
