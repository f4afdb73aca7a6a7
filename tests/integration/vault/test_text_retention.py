"""TEXT_RETENTION_DAYS from end to end: no byte of a text is left in any file, and each figure is what it was."""

import json
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from scheduler.published_text import TEXT_COLUMNS
from tests.dbt_forks import Forks
from tests.integration.collecting import ROOT, append, write
from tests.integration.published_rows import differences
from tests.integration.vault.conftest import Answer, Command, command_in
from tests.integration.vault.test_forget_command import everything_in, ran
from tests.integration.weed import rest_catalog

SESSION = "99999999-9999-4999-8999-999999999999"
PLANTED = [f"quince {name}" for name in ("prompt", "answer", "thought", "command", "output", "file", "diff", "queue")]
PLANTED += [f"quince {name}" for name in ("title", "note", "history", "broken", "error", "task", "commit", "pasted")]
GONE = frozenset(name for table, names in TEXT_COLUMNS.items() if table.startswith("marts") for name in names)
KEPT = frozenset({"git_output", "called_digest", "agent_prompt_digest", "opening_digest"})
"""Text where nothing is to be published, and kept here: figures are made of it."""
OLD = datetime.now(UTC) - timedelta(days=40)


def _line(number: int, kind: str, **fields: Any) -> bytes:
    moment = (OLD + timedelta(seconds=number)).isoformat().replace("+00:00", "Z")
    named = {"type": kind, "uuid": f"99999999-0000-4000-8000-{number:012d}", "sessionId": SESSION, "timestamp": moment}
    return json.dumps(named | {"cwd": "/home/me/garden", "version": "2.1.0"} | fields).encode() + b"\n"


def _said(number: int, *blocks: dict[str, Any]) -> bytes:
    usage = {"input_tokens": 100 + number, "output_tokens": 20, "cache_read_input_tokens": 7}
    message = {"role": "assistant", "id": f"msg_{number}", "model": "claude-sonnet-4-5-20250929", "usage": usage}
    return _line(number, "assistant", message=message | {"content": list(blocks)}, requestId=f"req_{number}")


def _call(number: int, tool: str, **given: Any) -> bytes:
    return _said(number, {"type": "tool_use", "id": f"toolu_{number}", "name": tool, "input": given})


def _answer(number: int, call: int, text: str, *, is_error: bool = False, **result: Any) -> bytes:
    block = {"type": "tool_result", "tool_use_id": f"toolu_{call}", "content": text, "is_error": is_error}
    return _line(number, "user", message={"role": "user", "content": [block]}, toolUseResult=result or text)


def plant(folder: Path) -> Path:
    """Write a session with a text of each kind, its sub-agent, the history of prompts and a line that is no JSON."""
    lines = [
        _line(1, "user", message={"role": "user", "content": "Please fix the quince prompt"}),
        _said(2, {"type": "thinking", "thinking": "a quince thought"}, {"type": "text", "text": "the quince answer"}),
        _call(3, "Bash", command="echo quince command && git commit -m 'x'", description="quince command"),
        _answer(4, 3, "quince output\n[main abc1234] quince commit\n"),
        _call(5, "Write", file_path="/home/me/garden/a.py", content="quince file\nmore"),
        _answer(
            6, 5, "ok", type="update", filePath="/home/me/garden/a.py", content="quince file\nmore",
            structuredPatch=[{"lines": ["-old quince diff", "+new quince diff", " same"]}],
        ),
        _call(7, "Bash", command="quince command fails"),
        _answer(8, 7, "<tool_use_error>quince error", is_error=True),
        _call(9, "Bash", command="quince command fails"),
        _answer(10, 9, "The user doesn't want to proceed with the quince error", is_error=True),
        _call(11, "Task", prompt="quince task", description="quince task", subagent_type="Explore"),
        _answer(12, 11, "quince output", agentId="abcdef12", totalTokens=5, status="completed"),
        _line(13, "queue-operation", operation="enqueue", content="quince queue"),
        _line(14, "queue-operation", operation="remove"),
        _line(15, "user", message={"role": "user", "content": "<command-name>/review</command-name> quince pasted"}),
        _line(16, "user", message={"role": "user", "content": [{"type": "text", "text": "quince prompt two"}] * 2}),
        json.dumps({"type": "custom-title", "customTitle": "quince title", "sessionId": SESSION}).encode() + b"\n",
        b"{quince broken\n",
    ]  # fmt: skip
    project = folder / "projects" / "-home-me-garden"
    write(project / f"{SESSION}.jsonl", b"".join(lines))
    agent = _line(21, "user", isSidechain=True, agentId="abcdef12", message={"role": "user", "content": "quince task"})
    write(project / SESSION / "subagents" / "agent-abcdef12.jsonl", agent)
    note = {"agentType": "Explore", "description": "quince note", "toolUseId": "toolu_11"}
    write(project / SESSION / "subagents" / "agent-abcdef12.meta.json", json.dumps(note, indent=1).encode())
    for path in project.rglob("*"):
        os.utime(path, (OLD.timestamp(), OLD.timestamp()))
    stamp = int(OLD.timestamp() * 1000)
    prompts = [
        {"display": "quince history alone", "project": "/home/me/garden", "timestamp": stamp, "sessionId": "lost"},
        {"display": "Please fix the quince prompt", "project": "/home/me/garden", "timestamp": stamp + 1000},
        {"display": "Please [Pasted text #1 quince pasted]", "project": "/home/me/garden", "timestamp": stamp + 1500},
    ]
    write(folder / "history.jsonl", b"".join(json.dumps(prompt).encode() + b"\n" for prompt in prompts))
    return folder / "projects"


@dataclass(frozen=True)
class Built:
    """A history that was built while its texts were kept."""

    projects: Path
    data: Path
    """One test goes on from here."""
    published: Path
    """The database that was published, for every test to compare with."""


@pytest.fixture
def cli(dbt_forks: Forks) -> list[str]:
    """These tests build the whole project six times."""
    return dbt_forks.cli()


@pytest.fixture(scope="module")
def built(vault_sample: Path, tmp_path_factory: pytest.TempPathFactory, dbt_forks: Forks) -> Built:
    """The sample with the planted session."""
    folder = tmp_path_factory.mktemp("kept")
    shutil.copytree(vault_sample, folder / "projects")
    built = Built(plant(folder), folder / "data", folder / "before.db")
    ran(command_in(folder, built.projects, dbt_forks.cli())("run", "--data", built.data))
    shutil.copy(_published(built.data), built.published)
    return built


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


def _kill(cli: list[str], built: Built, step: str, pause: float) -> None:
    """Start a run, and kill it so long after this step was done."""
    command = [*cli, "run", "--transcripts", str(built.projects), "--data", str(built.data)]
    named = {"HOST_NAME": "laptop", "TIMEZONE": "UTC", "TEXT_RETENTION_DAYS": "30", "PYTHONPATH": str(ROOT)}
    environment = os.environ | named
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, cwd=built.data.parent, text=True
    ) as process:
        assert process.stdout is not None
        next((row for row in process.stdout if step in row), None)
        time.sleep(pause)
        process.send_signal(signal.SIGKILL)


def test_figures_stay_and_no_text_is_left_anywhere(
    built: Built, tmp_path: Path, analytics: Command, cli: list[str]
) -> None:
    data, expiring = built.data, {"TEXT_RETENTION_DAYS": "30"}
    of_a_day = data / "duckdb" / "as-of" / "2026-01-01" / "duckdb" / "generations" / "1"
    of_a_day.mkdir(parents=True)
    shutil.copy(built.published, of_a_day / "analytics.db")
    found = everything_in(data)
    assert [text for text in PLANTED if text.encode() not in found] == [], "the search finds what is there"
    _kill(cli, built, "transform", 1.0)
    _kill(cli, built, "text", 0.5)
    done = ran(analytics("run", "--transcripts", built.projects, "--data", data, **expiring))
    assert "nothing found" in done.stdout
    _assert_nothing_is_left(data)
    _assert_figures_are_as_before(built.published, data)
    assert "(text no longer kept)" in ran(analytics("show", SESSION[:8], "--data", data)).stdout
    searched = analytics("search", "quince", "--data", data).stdout
    assert "are no longer kept (TEXT_RETENTION_DAYS)" in searched
    assert "text" in ran(analytics("forget", "--list", "--data", data)).stdout
    shutil.copytree(built.projects.parent, tmp_path / "later", ignore=shutil.ignore_patterns("data", "before.db"))
    late = _line(30, "user", message={"content": "quince prompt"})
    append(tmp_path / "later" / "projects" / "-home-me-garden" / f"{SESSION}.jsonl", late)
    later = ["--transcripts", tmp_path / "later" / "projects", "--data", data]
    ran(analytics("run", *later, "--full-refresh", **expiring))
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
    _assert_figures_are_as_before(built.published, tmp_path / "data")


def test_fewer_days_than_a_week_are_refused(analytics: Command, tmp_path: Path) -> None:
    answer: Answer = analytics("run", "--data", tmp_path / "data", TEXT_RETENTION_DAYS="3")
    assert answer.returncode == 2
    assert "TEXT_RETENTION_DAYS: expected at least 7 days" in answer.stdout + answer.stderr
