"""A second count is worth what it can find: each kind of fault is planted in a database, and `verify` names it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.integration.planted import Built
from tests.integration.warehouse import Line, answer, copied, in_file, prompt, remembered, replay
from verify.compare import VerifyError, verify
from verify.report import Difference, VerifyReport

CWD = {"cwd": "/home/me/shop"}
SUMS = {"responses", "input_tokens", "output_tokens", "cache_read_tokens"}


def call(name: str) -> Line:
    return {"content": [{"type": "tool_use", "id": name, "name": "Bash", "input": {"command": "make"}}]}


def forked(line: Line) -> Line:
    """A line as /branch copies it from s1 into s2."""
    return copied(line, "s2") | {"forkedFrom": {"sessionId": "s1", "messageUuid": line["uuid"]}}


def queued(operation: str, minute: int, **more: Any) -> Line:
    line = prompt("s1", minute)
    return {key: line[key] for key in ("sessionId", "timestamp")} | {
        "type": "queue-operation",
        "operation": operation,
        **more,
    }


BEGINNING = [prompt("s1", 0) | CWD, answer("m1", 5, minute=1, **call("t1"), stop_reason="tool_use") | CWD]
HISTORY = [
    *in_file(
        "-home-me-shop/s1.jsonl",
        *BEGINNING,
        answer("m2", 7, minute=2, stop_reason="end_turn") | CWD,
        queued("enqueue", 3, content="and the docs"),
        queued("remove", 4),
        answer("m3", 9, minute=600, model="claude-haiku-4-5") | CWD,
        replay(answer("m4", 11, minute=5, **call("t2")), "s1"),
    ),
    *in_file(
        "-home-me-shop/s2.jsonl",
        *(forked(line) for line in BEGINNING),
        prompt("s2", 300) | CWD | {"cwd": "/home/me/shop/.claude/worktrees/blue"},
        answer("m1", 6, session="s2", minute=301, **call("t1"), stop_reason="end_turn") | {"requestId": "r2"},
    ),
    *in_file(
        "../history.jsonl",
        remembered("hi", 0),  # as s1 has it
        remembered("hi", 1, sessionId="s1"),
        remembered("hi", 8),
        remembered("/clear", 8),
        remembered("and the docs", 3),  # as s1's queue has it
        remembered("Look [Pasted text #1 +9 lines]", 9, sessionId="gone", project="/home/me/shop/.worktrees/blue"),
    ),
    *in_file("-home-me-attic/s3.jsonl", {"type": "mode", "sessionId": "s3", "cwd": "/home/me/attic"}),
]


DAMAGED = b'{"type": "user", "sessi'


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return Built(tmp_path_factory.mktemp("planted"), HISTORY, {"-home-me-attic/s3.jsonl": DAMAGED})


def test_the_history_as_it_was_built_agrees(built: Built) -> None:
    report = built.with_fault()
    assert report.differences == ()
    assert (report.sessions, report.responses, report.tool_calls) == (3, 5, 3)


TWICE = "insert into marts.{0} select * from marts.{0} where {1}"
FAULTS = {
    "a token": ("update marts.fct_api_requests set output_tokens = 8 where message_id = 'm2'", {"output_tokens"}),
    "a response missing": ("delete from marts.fct_api_requests where message_id = 'm3'", SUMS),
    "a response twice": (TWICE.format("fct_api_requests", "message_id = 'm2'"), SUMS),
    "another day": ("update marts.fct_api_requests set date_key = 20260331 where message_id = 'm2'", SUMS),
    "another model": ("update marts.fct_api_requests set model = 'claude-2' where message_id = 'm2'", SUMS),
    "another session": ("update marts.fct_api_requests set session_key = 's2' where message_id = 'm2'", set()),
    "another time": (
        "update marts.fct_api_requests set requested_at = requested_at + interval 1 second where message_id = 'm2'",
        set(),
    ),
    "two tokens that outweigh each other": (
        "update marts.fct_api_requests set output_tokens = if(message_id = 'm2', 8, 10)"
        " where message_id in ('m2', 'm4')",
        set(),
    ),
    "a call missing": ("delete from marts.fct_tool_calls where tool_use_id = 't2'", {"tool calls"}),
    "a call twice": (TWICE.format("fct_tool_calls", "tool_use_id = 't2'"), {"tool calls"}),
    "calls with one id merged": (
        "delete from marts.fct_tool_calls where tool_use_id = 't1' and session_id = 's2'",
        {"tool calls"},
    ),
    "a prompt twice": (
        TWICE.format("fct_messages", "is_human_prompt and session_id = 's2'"),
        {"messages", "prompts"},
    ),
    "a prompt that nobody typed": (
        "update marts.fct_messages set is_human_prompt = true where message_type = 'assistant' and session_id = 's1'",
        {"prompts"},
    ),
    "a queued prompt missing": ("delete from marts.fct_messages where is_queued", {"messages", "prompts"}),
    "a message missing": (
        "delete from marts.fct_messages where message_type = 'assistant' and session_id = 's2'",
        {"messages"},
    ),
    "a session missing": ("delete from marts.dim_sessions where session_id = 's3'", {"sessions"}),
    "a session too many": (
        "insert into marts.dim_sessions select * replace ('s9' as session_id) from marts.dim_sessions limit 1",
        {"sessions"},
    ),
    "a fork that owns its parent's lines": (
        "update marts.fct_messages set is_copy = false where session_id = 's2'",
        {"messages"},
    ),
    "a fork that begins with its parent": (
        "update marts.dim_sessions set started_at = (select min(started_at) from marts.dim_sessions)"
        " where session_id = 's2'",
        {"session starts"},
    ),
    "a fork that pays for its parent again": (
        "insert into marts.fct_api_requests select * replace ('s2' as session_id, 's2' as session_key)"
        " from marts.fct_api_requests where message_id = 'm1' and session_id = 's1'",
        SUMS,
    ),
    "a worktree that is its own project": (
        "update marts.dim_sessions set project_id = '/home/me/shop/.claude/worktrees/blue' where session_id = 's2'",
        {"projects"},
    ),
    "a dead letter missing": ("delete from raw.dead_letters", {"dead letters"}),
    "a dead letter from nowhere": (
        "insert into raw.dead_letters by name select md5('x') as document_id, '-home-me-attic/s3.jsonl' as source_file",
        {"dead letters"},
    ),
    "a prompt of the history missing": (
        "delete from marts.fct_prompts where history_session_id = 'gone'",
        {"history prompts"},
    ),
    "a prompt of the history that its transcript holds": (
        TWICE.format("fct_prompts", "provenance = 'history' and history_session_id is null"),
        {"history prompts"},
    ),
    "a line lost": ("delete from raw.conversations where line_type = 'mode'", {"lines"}),
    "a line from nowhere": (
        "insert into raw.conversations select * replace (md5('x') as document_id, md5('x') || ':0' as conversation_id)"
        " from raw.conversations where line_type = 'mode'",
        {"lines"},
    ),
}
NAMED = {"a token", "another day", "another model", "another session", "another time"} | {
    "two tokens that outweigh each other"
}
"""Faults of one response, which is named."""


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_and_named(built: Built, name: str) -> None:
    fault, measures = FAULTS[name]
    report = built.with_fault(fault)
    assert {row.measure for row in report.differences} == measures | ({"single responses"} if name in NAMED else set())
    assert not report.agrees


def examples(report: VerifyReport) -> list[str]:
    return [row.example for row in report.differences if row.example]


def test_a_difference_says_where_it_is(built: Built) -> None:
    """A person goes on from there, so the session and the two values are in it."""
    fork = built.with_fault(FAULTS["a fork that begins with its parent"][0])
    assert fork.differences == (
        Difference(
            "session starts", "", "", 3, 2, "s2: 2026-03-29 03:30:00.000+00:00, not 2026-03-28 22:30:00.000+00:00"
        ),
    )
    assert examples(built.with_fault(FAULTS["a worktree that is its own project"][0])) == [
        "s2: /home/me/shop, not /home/me/shop/.claude/worktrees/blue"
    ]
    assert examples(built.with_fault(FAULTS["a fork that owns its parent's lines"][0])) == ["s2: 2, not 4"]
    assert examples(built.with_fault(FAULTS["another session"][0])) == ["m2: session s1, not s2"]
    assert examples(built.with_fault(FAULTS["a line lost"][0])) == ["a line of -home-me-attic/s3.jsonl"]


def test_days_are_cut_in_the_timezone_that_they_were_built_with(built: Built) -> None:
    assert {row.measure for row in built.with_fault(timezone="Pacific/Kiritimati").differences} == SUMS | {
        "single responses"
    }


@pytest.fixture
def projects(built: Built, tmp_path: Path) -> Path:
    """The transcripts, to be changed, and the history of prompts beside them."""
    shutil.copy(built.projects.parent / "history.jsonl", tmp_path / "history.jsonl")
    return Path(shutil.copytree(built.projects, tmp_path / "projects"))


def test_what_comes_from_a_transcript_that_is_gone_is_history(built: Built, projects: Path) -> None:
    (projects / "-home-me-shop/s2.jsonl").unlink()
    report = built.with_fault(projects=projects)
    assert report.differences == ()
    found = {name: count for name, count in report.only_in_database.items() if name != "tokens"}
    assert found == {"lines": 4, "sessions": 1, "tool_calls": 1, "responses": 1}


def test_what_a_deleted_parent_owned_is_not_its_forks_though_only_the_fork_has_it_now(
    built: Built, projects: Path
) -> None:
    (projects / "-home-me-shop/s1.jsonl").unlink()
    report = built.with_fault(projects=projects)
    assert report.differences == ()
    assert report.only_in_database["responses_with_lost_lines"] == 1


def test_a_deleted_transcript_does_not_excuse_a_figure_that_is_too_low(built: Built, projects: Path) -> None:
    (projects / "-home-me-shop/s1.jsonl").unlink()
    fault = "update marts.fct_api_requests set output_tokens = 4 where message_id = 'm1' and session_key = 's1'"
    report = built.with_fault(fault, projects=projects)
    assert "output_tokens" in {row.measure for row in report.differences}


def test_what_was_written_since_the_last_look_is_left_out_and_said(built: Built, projects: Path) -> None:
    more = json.dumps(answer("m9", minute=700)) + "\n"
    for name in ("s1", "s4"):
        with (projects / f"-home-me-shop/{name}.jsonl").open("a", encoding="utf-8") as file:
            file.write(more)
    report = built.with_fault(projects=projects)
    assert (report.differences, report.not_yet_collected) == ((), 2 * len(more))
    seen = built.with_fault("update raw.transcript_files set collected_at = now() + interval 1 hour", projects=projects)
    assert {"lines", "responses", "messages"} <= {row.measure for row in seen.differences}


def test_prompts_of_the_history_have_a_provenance_of_their_own(built: Built) -> None:
    """They are in no other table: the sessions, messages and tokens are those of the transcripts."""
    columns = "prompt_text, session_id, history_session_id, project_id, date_key"
    sql = f"select {columns} from marts.fct_prompts where provenance = 'history' order by all"
    assert built.warehouse.rows(sql) == [
        ("Look [Pasted text #1 +9 lines]", None, "gone", "/home/me/shop", 20260328),
        ("hi", None, None, "/home/me/shop", 20260328),
    ]
    known = "select count(*) from marts.fct_prompts where provenance = 'transcript'"
    assert built.warehouse.rows(known) == [(3,)]
    assert built.warehouse.rows("select count(*) from marts.dim_sessions where session_id = 'gone'") == [(0,)]


def test_prompts_of_a_deleted_transcript_are_no_prompts_of_the_history(built: Built, projects: Path) -> None:
    """The database still has the transcript, so the prompts are there already."""
    (projects / "-home-me-shop/s1.jsonl").unlink()
    assert built.with_fault(projects=projects).differences == ()


def test_prompts_of_a_history_that_was_cut_are_counted_apart_and_the_rest_is_compared(
    built: Built, projects: Path
) -> None:
    """Claude Code may write its history again without old lines; a fault in what is left is found all the same."""
    history = projects.parent / "history.jsonl"
    kept = history.read_bytes().splitlines(keepends=True)[:-1]
    history.write_bytes(b"".join(kept))
    cut = "update raw.transcript_files set resets = 1 where ends_with(source_file, 'history.jsonl')"
    report = built.with_fault(cut, projects=projects)
    assert (report.differences, report.only_in_database["prompts_of_the_history"]) == ((), 1)
    fault = "delete from marts.fct_prompts where provenance = 'history' and history_session_id is null"
    assert {row.measure for row in built.with_fault(cut, fault, projects=projects).differences} == {"history prompts"}


def test_prompts_of_the_history_are_compared_though_a_transcript_is_gone(built: Built, projects: Path) -> None:
    """The transcript that is gone may hold what the database does not count as the history's, and nothing more."""
    (projects / "-home-me-shop/s2.jsonl").unlink()
    known = TWICE.format("fct_prompts", "provenance = 'history' and history_session_id is null")
    assert {row.measure for row in built.with_fault(known, projects=projects).differences} == {"history prompts"}


def test_nothing_to_compare_is_one_clear_line(built: Built, tmp_path: Path) -> None:
    with pytest.raises(VerifyError, match="expected a directory"):
        built.with_fault(projects=tmp_path / "nowhere")
    with pytest.raises(VerifyError, match="expected a published database"):
        verify(tmp_path / "nothing.db", [built.projects], "UTC")
