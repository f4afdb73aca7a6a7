"""TEXT_RETENTION_DAYS from end to end: no byte of a text is left in any file, and each figure is what it was."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import duckdb
import pytest

from scheduler.published_text import TEXT_COLUMNS
from tests.dbt_forks import Forks
from tests.integration.collecting import ROOT, append
from tests.integration.published_rows import differences
from tests.integration.vault.conftest import Answer, Command
from tests.integration.vault.histories import PLANTED, SESSION, Built, line
from tests.integration.vault.test_forget_command import everything_in, ran
from tests.integration.weed import rest_catalog

GONE = frozenset(name for table, names in TEXT_COLUMNS.items() if table.startswith("marts") for name in names)
KEPT = frozenset({"git_output", "called_digest", "agent_prompt_digest", "opening_digest"})
"""Text where nothing is to be published, and kept here: figures are made of it."""


@pytest.fixture
def cli(dbt_forks: Forks) -> list[str]:
    """These tests build the whole project."""
    return dbt_forks.cli()


def _published(data: Path) -> Path:
    return data / "duckdb" / "current" / "analytics.db"


def _assert_figures_are_as_before(before: Path, data: Path) -> None:
    assert differences(before, _published(data), without=GONE - KEPT | {"insight_key"}) == {}
    with duckdb.connect(str(_published(data)), read_only=True) as connection:
        for table, names in TEXT_COLUMNS.items():
            if table in ("marts.fct_messages", "marts.fct_prompts", "marts.fct_tool_calls", "marts.dim_sessions"):
                texts = ", ".join(f"count({name})" for name in names if name not in KEPT | {"git_operation"})
                of_session = f"from {table} where session_id = '{SESSION}'"
                row = connection.execute(f"select {texts} {of_session}").fetchone()
                assert row is not None
                assert set(row) == {0}, table


def _assert_nothing_is_left(data: Path) -> None:
    found = everything_in(data)
    assert [text for text in PLANTED if text.encode() in found] == []


def _kill(cli: list[str], projects: Path, data: Path, step: str, pause: float) -> None:
    """Start a run, and kill it so long after this step was done."""
    command = [*cli, "run", "--transcripts", str(projects), "--data", str(data)]
    named = {"HOST_NAME": "laptop", "TIMEZONE": "UTC", "TEXT_RETENTION_DAYS": "30", "PYTHONPATH": str(ROOT)}
    environment = os.environ | named
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, cwd=data.parent, text=True
    ) as process:
        assert process.stdout is not None
        next((row for row in process.stdout if step in row), None)
        time.sleep(pause)
        process.send_signal(signal.SIGKILL)


def test_figures_stay_and_no_text_is_left_anywhere(
    built: Built, tmp_path: Path, analytics: Command, cli: list[str]
) -> None:
    data, expiring = tmp_path / "data", {"TEXT_RETENTION_DAYS": "30"}
    shutil.copytree(built.data, data, symlinks=True)
    of_a_day = data / "duckdb" / "as-of" / "2026-01-01" / "duckdb" / "generations" / "1"
    of_a_day.mkdir(parents=True)
    shutil.copy(_published(built.data), of_a_day / "analytics.db")
    found = everything_in(data)
    assert [text for text in PLANTED if text.encode() not in found] == [], "the search finds what is there"
    _kill(cli, built.projects, data, "transform", 1.0)
    _kill(cli, built.projects, data, "text", 0.5)
    done = ran(analytics("run", "--transcripts", built.projects, "--data", data, **expiring))
    assert "nothing found" in done.stdout
    _assert_nothing_is_left(data)
    _assert_figures_are_as_before(_published(built.data), data)
    assert "(text no longer kept)" in ran(analytics("show", SESSION[:8], "--data", data)).stdout
    searched = analytics("search", "quince", "--data", data).stdout
    assert "are no longer kept (TEXT_RETENTION_DAYS)" in searched
    assert "text" in ran(analytics("forget", "--list", "--data", data)).stdout
    shutil.copytree(built.projects, tmp_path / "later" / "projects")
    shutil.copy(built.projects.parent / "history.jsonl", tmp_path / "later")
    late = line(30, "user", message={"content": "quince prompt"})
    append(tmp_path / "later" / "projects" / "-home-me-garden" / f"{SESSION}.jsonl", late)
    later = ["--transcripts", tmp_path / "later" / "projects", "--data", data]
    ran(analytics("run", *later, **expiring))
    _assert_nothing_is_left(data)


def test_so_it_is_over_mongodb_and_rest(built: Built, tmp_path: Path, analytics: Command, mongo_server: str) -> None:
    (tmp_path / "weed").mkdir()
    with rest_catalog(tmp_path / "weed") as lake:
        assert lake.s3_access_key_id
        assert lake.s3_secret_access_key
        servers = {"ICEBERG_REST_URI": lake.iceberg_rest_uri or "", "S3_ENDPOINT": lake.s3_endpoint or ""}
        servers |= {"ICEBERG_OAUTH2_SERVER_URI": lake.iceberg_oauth2_server_uri or ""}
        servers |= {"S3_ACCESS_KEY_ID": lake.s3_access_key_id.get_secret_value()}
        servers |= {"S3_SECRET_ACCESS_KEY": lake.s3_secret_access_key.get_secret_value()}
        servers |= {"MONGO_URI": mongo_server, "MONGO_DATABASE": f"kept_{os.getpid()}", "TEXT_RETENTION_DAYS": "30"}
        done = ran(analytics("run", "--transcripts", built.projects, "--data", tmp_path / "data", **servers))
        assert "nothing found" in done.stdout
    _assert_nothing_is_left(tmp_path / "data")
    _assert_figures_are_as_before(_published(built.data), tmp_path / "data")


def test_fewer_days_than_a_week_are_refused(analytics: Command, tmp_path: Path) -> None:
    answer: Answer = analytics("run", "--data", tmp_path / "data", TEXT_RETENTION_DAYS="3")
    assert answer.returncode == 2
    assert "TEXT_RETENTION_DAYS: expected at least 7 days" in answer.stdout + answer.stderr
