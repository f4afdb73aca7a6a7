"""The second count: what its reader makes of files, and what its rules make of lines. Faults are planted elsewhere."""

import gzip
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from verify.files import transcript_files
from verify.line_facts import Line as CountedLine
from verify.line_values import count as whole_number
from verify.line_values import instant, moment
from verify.recount import Recount, Recounted
from verify.terms import Tokens

Line = dict[str, Any]
DAY = "2026-03-01"


def usage(output: int = 1, **more: Any) -> Line:
    return {"input_tokens": 10, "output_tokens": output, "cache_read_input_tokens": 100} | more


def answer(message: str | None = "m1", session: str = "s1", at: str = f"{DAY}T10:00:00.000Z", **more: Any) -> Line:
    inner = {"id": message, "model": "claude-opus-4-6", "role": "assistant", "content": [], "usage": usage()} | more
    return {"type": "assistant", "sessionId": session, "timestamp": at, "uuid": f"{message}-{at}", "message": inner}


def prompt(said: Any = "hi", session: str = "s1", at: str = f"{DAY}T09:00:00.000Z", **more: Any) -> Line:
    uuid = f"{session}-{at}-{said}"
    return {"type": "user", "sessionId": session, "timestamp": at, "uuid": uuid, "message": {"content": said}} | more


def progress(line: Line, session: str) -> Line:
    inner = {key: line[key] for key in ("type", "timestamp", "uuid", "message")}
    return {"type": "progress", "sessionId": session, "data": {"type": "agent_progress", "message": inner}}


def lines(*values: Line) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


def read(tmp_path: Path, *contents: bytes, name: str = "p/{}.jsonl") -> Recount:
    recount = Recount()
    for number, content in enumerate(contents):
        path = tmp_path / name.format(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        recount.read(name.format(number), path)
    return recount


def count(tmp_path: Path, *contents: bytes) -> Recounted:
    return read(tmp_path, *contents).count()


def tokens(counted: Recounted) -> list[Tokens]:
    return sorted(response.tokens for response in counted.responses)


ANSWER = [(10, 1, 100, 0)]


def test_a_response_counts_once_by_the_highest_of_each_figure(tmp_path: Path) -> None:
    three = (answer(usage=usage(3)), answer(usage=usage(40)), answer(usage=usage(7, input_tokens=11)))
    several = [line | {"uuid": str(number)} for number, line in enumerate(three)]
    assert tokens(count(tmp_path, lines(*several))) == [(11, 40, 100, 0)]


def test_what_is_not_finished_adds_nothing_to_a_finished_response(tmp_path: Path) -> None:
    finished = answer(usage=usage(7), stop_reason="end_turn", at=f"{DAY}T10:01:00.000Z")
    assert tokens(count(tmp_path, lines(answer(usage=usage(40)), finished))) == [(10, 7, 100, 0)]


def test_one_id_in_two_sessions_is_two_responses_and_a_copied_line_is_one(tmp_path: Path) -> None:
    other = answer(session="s2", at=f"{DAY}T11:00:00.000Z")
    assert [response.session for response in count(tmp_path, lines(answer()), lines(other)).responses] == ["s1", "s2"]
    copy = lines(answer(session="s2"), prompt(session="s2", at=f"{DAY}T12:00:00.000Z"))
    (response,) = count(tmp_path, copy, lines(prompt(), answer())).responses
    assert (response.session, response.at) == ("s1", moment(f"{DAY}T10:00:00Z"))


def test_one_id_with_two_request_ids_or_two_finished_usages_is_two_responses(tmp_path: Path) -> None:
    later = {"at": f"{DAY}T10:05:00.000Z"}
    requests = (answer() | {"requestId": "r1"}, answer(**later) | {"requestId": "r2"})
    assert tokens(count(tmp_path, lines(*requests))) == ANSWER * 2
    usages = (answer(stop_reason="end_turn"), answer(stop_reason="end_turn", usage=usage(2), **later))
    assert tokens(count(tmp_path, lines(*usages))) == [(10, 1, 100, 0), (10, 2, 100, 0)]


def test_a_fork_goes_on_with_a_copied_answer_but_not_with_another_of_the_same_id(tmp_path: Path) -> None:
    """A relay writes one id for everything; what the fork asked for itself was paid for."""
    parent = [prompt(), answer(), answer(at=f"{DAY}T10:01:00.000Z", stop_reason="end_turn")]
    copies = [line | {"sessionId": "s2"} for line in parent[:2]]
    rest = answer(session="s2", at=f"{DAY}T10:02:00.000Z", usage=usage(30))
    own = answer(session="s2", at=f"{DAY}T11:00:00.000Z", usage=usage(2), stop_reason="end_turn")
    assert tokens(count(tmp_path, lines(*parent), lines(*copies, rest))) == ANSWER
    assert tokens(count(tmp_path, lines(*parent), lines(*copies, own))) == [(10, 1, 100, 0), (10, 2, 100, 0)]


def test_a_line_with_the_uuid_of_another_is_its_copy_whatever_it_says_that_it_was_forked_from(tmp_path: Path) -> None:
    """What /branch copies of a progress line names the outer line, while the answer in it keeps its own uuid."""
    replay = progress(answer(), "s1") | {"uuid": "outer"}
    copy = replay | {"sessionId": "s2", "forkedFrom": {"sessionId": "s1", "messageUuid": "outer"}}
    counted = count(tmp_path, lines(copy), lines(replay))
    assert [response.session for response in counted.responses] == ["s1"]
    assert {name: session.messages for name, session in counted.sessions.items()} == {"s1": 1, "s2": 0}


def test_a_side_file_that_repeats_an_answer_under_new_ids_adds_nothing(tmp_path: Path) -> None:
    again = answer() | {"uuid": "other", "requestId": "r9", "agentId": "side", "isSidechain": True}
    counted = count(tmp_path, lines(prompt(), answer() | {"requestId": "r1"}), lines(again))
    assert tokens(counted) == ANSWER
    assert (counted.sessions["s1"].messages, counted.sessions["s1"].prompts) == (2, 1)


def test_a_fork_owns_what_it_added(tmp_path: Path) -> None:
    """The names of the files say nothing: the parent's is the later one."""
    parent = [prompt(), answer()]
    pointer = {"sessionId": "a-fork"}
    copies = [
        line | pointer | {"forkedFrom": {"sessionId": "s1", "messageUuid": line["uuid"]}, "uuid": line["uuid"] + "+"}
        for line in parent
    ]
    own = prompt("go on", "a-fork", at=f"{DAY}T08:00:00.000Z")  # its clock was wrong
    counted = count(tmp_path, lines(*copies, own), lines(*parent))
    assert {name: (session.messages, session.prompts) for name, session in counted.sessions.items()} == {
        "a-fork": (1, 1),
        "s1": (2, 1),
    }
    assert counted.sessions["a-fork"].started_at == moment(own["timestamp"])
    assert [response.session for response in counted.responses] == ["s1"]


@pytest.mark.parametrize("first", ["s1", "s2"])
def test_what_was_collected_first_is_the_origin_where_nothing_else_says_it(tmp_path: Path, first: str) -> None:
    recount = read(tmp_path, lines(answer(session="s1")), lines(answer(session="s2")))

    def arrivals(asked: Iterable[CountedLine]) -> dict[bytes, float]:
        return {line.id: float(line.session != first) for line in asked}

    assert [response.session for response in recount.count(arrivals).responses] == [first]


def test_answers_in_progress_lines_count_and_replays_do_not_decide(tmp_path: Path) -> None:
    replay = progress(answer("m1", model="replayed"), "s1")
    counted = count(tmp_path, lines(replay, progress(answer("m2", at=f"{DAY}T10:01:00.000Z"), "s1"), answer("m1")))
    assert sorted((response.message, response.model) for response in counted.responses) == [
        ("m1", "claude-opus-4-6"),
        ("m2", "claude-opus-4-6"),
    ]


def test_lines_without_message_id_are_never_merged_but_their_copies_are(tmp_path: Path) -> None:
    first, other = answer(None), answer(None) | {"uuid": "other"}
    assert len(count(tmp_path, lines(first, other)).responses) == 2
    assert len(count(tmp_path, lines(first, other), lines(first)).responses) == 2


def test_only_answers_of_models_are_responses(tmp_path: Path) -> None:
    none = (
        answer("m2", model="<synthetic>"),
        answer("m3") | {"type": "user"},
        answer("m4", usage=None),
        answer("m5") | {"isApiErrorMessage": True},
    )
    assert count(tmp_path, lines(*none)).responses == []


def test_an_advisor_is_a_response_of_its_own(tmp_path: Path) -> None:
    advisor = {"type": "advisor_message", "model": "claude-haiku-4-5", "input_tokens": 5, "output_tokens": 6}
    own = {"type": "message", "input_tokens": 10, "output_tokens": 1}
    counted = count(tmp_path, lines(answer(usage=usage(iterations=[own, advisor]))))
    assert [(response.model, response.tokens) for response in counted.responses] == [
        ("claude-opus-4-6", (10, 1, 100, 0)),
        ("claude-haiku-4-5", (5, 6, 0, 0)),
    ]


def test_tool_calls_are_ids_within_an_answer(tmp_path: Path) -> None:
    call: Line = {"content": [{"type": "tool_use", "id": "0", "name": "Bash", "input": {}}]}
    server: Line = {"content": [{"type": "server_tool_use", "id": "1", "name": "web_search", "input": {}}]}
    later = {"at": f"{DAY}T10:01:00.000Z"}
    counted = count(
        tmp_path,
        lines(answer(**call), answer(**call, **later), answer("m2", **call), progress(answer("m3", **server), "s1")),
    )
    assert sorted(call.tool_id for call in counted.tool_calls.elements()) == ["0", "0", "1"]


def test_cache_writes_are_the_greater_of_the_sum_and_its_split(tmp_path: Path) -> None:
    split = {"ephemeral_5m_input_tokens": 5, "ephemeral_1h_input_tokens": 7}
    for total, found in ((None, 12), (0, 12), (20, 20)):
        said = usage(cache_creation=split, cache_creation_input_tokens=total)
        assert tokens(count(tmp_path, lines(answer(usage=said)))) == [(10, 1, 100, found)]


@pytest.mark.parametrize(
    ("line", "is_typed"),
    [
        (prompt("fix it"), True),
        (prompt([{"type": "text", "text": "<ide_selection>x</ide_selection>\n fix it"}]), True),
        (prompt([{"type": "image"}]), True),
        (prompt("x", origin={"kind": "human"}), True),
        (prompt("<system-reminder>x</system-reminder>"), False),
        (prompt([{"type": "tool_result", "tool_use_id": "t", "content": "x"}]), False),
        (prompt("x", origin={"kind": "task-notification"}), False),
        (prompt("x", promptSource="system"), False),
        (prompt("x", planContent="1. do"), False),
        (prompt("x", isMeta=True), False),
        (prompt("x", isSidechain=True), False),
        (prompt("x", isCompactSummary="true"), False),
        (prompt("<command-name>/clear</command-name>"), False),
        (prompt("<task-notification>\n<id>1</id></task-notification>"), False),
        (prompt("<my-teammate-message from='x'>hello"), False),
        (prompt("<notifications are broken"), True),
        (prompt('{"task_id": "b1", "description": "x"}'), False),
        (prompt("[Request interrupted by user]"), False),
    ],
)
def test_a_prompt_is_what_a_person_typed(tmp_path: Path, line: Line, is_typed: bool) -> None:
    assert count(tmp_path, lines(line)).sessions["s1"].prompts == is_typed


def queued(operation: str, minute: int, **more: Any) -> Line:
    at = f"{DAY}T10:{minute:02}:00.000Z"
    return {"type": "queue-operation", "operation": operation, "sessionId": "s1", "timestamp": at, **more}


@pytest.mark.parametrize(
    ("operations", "prompts"),
    [
        ([queued("enqueue", 1, content="a"), queued("remove", 2)], 1),
        ([queued("enqueue", 1, content="a"), queued("dequeue", 2)], 0),
        ([queued("enqueue", 1, content="a"), queued("popAll", 2), queued("remove", 3)], 0),
        (
            [queued("enqueue", 1, content="a"), queued("enqueue", 2, content="b"), queued("remove", 3, content="b")],
            1,
        ),
        ([queued("remove", 1), queued("enqueue", 2, content="a")], 0),
        ([queued("enqueue", 1, content="<task-notification>x"), queued("remove", 2)], 0),
        ([queued("enqueue", 1, content="a"), queued("remove", 2), prompt("a", at=f"{DAY}T11:00:00.000Z")], 1),
    ],
    ids=["taken", "has a line", "given back", "by its text", "empty queue", "a task", "repeated by a line"],
)
def test_what_claude_took_from_the_queue_within_its_turn_is_a_prompt(
    tmp_path: Path, operations: list[Line], prompts: int
) -> None:
    assert count(tmp_path, lines(*operations)).sessions["s1"].prompts == prompts


@pytest.mark.parametrize(
    ("cwd", "project"),
    [
        ("/home/me/data_lab", "/home/me/data_lab"),
        ("C:\\Users\\me\\lab\\", "c:/Users/me/lab"),
        ("/home/me/lab/.claude/worktrees/blue", "/home/me/lab"),
        ("/home/me/lab-worktrees/blue/src", "/home/me/lab"),
        ("/home/me/.claude-worktrees/lab/blue", "/home/me/.claude-worktrees/lab"),
        (None, "p"),
    ],
)
def test_a_project_is_where_the_work_was(tmp_path: Path, cwd: str | None, project: str) -> None:
    assert count(tmp_path, lines(prompt(cwd=cwd))).sessions["s1"].project == project


@pytest.mark.parametrize(
    "written",
    [
        "2026-03-02T10:00:00.000Z",
        "2026-03-02 10:00",
        "2026-03-02T11:00:00,000+01:00",
        "2026-03-02T07:30:00-0230",
        1772445600,
        "1772445600000",
        1772445600000.0,
        1772445600000000000,
    ],
)
def test_a_moment_is_a_moment_however_it_is_written(written: Any) -> None:
    found = moment(written)
    assert found is not None
    assert instant(found) == datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.mark.parametrize("written", [None, True, "", "soon", "2026-13-02", 5, "0000-01-01", [1], float("nan")])
def test_what_is_no_moment_is_none(written: Any) -> None:
    assert moment(written) is None


@pytest.mark.parametrize(
    ("written", "number"),
    [(7, 7), ("7", 7), ("1200.0", 1200), (2**53, 2**53), (2**53 + 1, None), (-1, None), (1.5, None), (True, None)],
)
def test_a_count_is_a_whole_number_that_can_be_added_up(written: Any, number: int | None) -> None:
    assert whole_number(written) == number


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + lines(answer()),
        lines(answer()).replace(b"\n", b"\r\n"),
        lines(answer()).rstrip(b"\n"),
        b"\0\0\0" + lines(answer()),
        lines(answer()) + b'{"type": "assistant", "message": {"id": "m2", "usa',
        lines(answer()) + b"not json\n" + b"[1, 2]\n" + b"\n \n",
        lines(answer())[:-1] + lines({"type": "summary"}),
        lines({"type": "summary", "n": "\ud800"}) + b'{"type": "x", "text": "\xff"}\n' + lines(answer()),
        b'{"n": ' + b"9" * 5000 + b"}\n" + lines(answer()),
        b"[" * 100_000 + b"\n" + lines(answer()),
        gzip.compress(lines(answer())),
    ],
    ids=[
        *("BOM", "CRLF", "no end", "NUL", "half a line", "no objects", "two objects", "bad UTF-8", "huge int", "deep"),
        "packed",
    ],
)
def test_a_damaged_file_is_counted_as_far_as_it_can_be_read(tmp_path: Path, content: bytes) -> None:
    assert tokens(count(tmp_path, content)) == ANSWER


def test_a_packed_file_that_is_damaged_stops_nothing(tmp_path: Path) -> None:
    damaged = gzip.compress(lines(answer("m2")))[:-4]
    assert tokens(count(tmp_path, damaged, lines(answer()))) == ANSWER


def test_a_half_line_is_not_rejected_while_it_may_still_be_written(tmp_path: Path) -> None:
    recount = read(tmp_path, lines(answer()) + b'{"half', b"broken\n")
    assert (len(recount.lines), len(recount.rejected)) == (1, 1)


def test_a_note_on_a_sub_agent_is_a_line_of_its_session(tmp_path: Path) -> None:
    recount = read(tmp_path, b'{"agentType": "Explore"}', name="p/s7/subagents/agent-a{}.meta.json")
    assert recount.count().named_sessions == {"s7"}


def test_a_directory_that_is_linked_to_is_read_once(tmp_path: Path) -> None:
    folder = tmp_path / "projects" / "p"
    folder.mkdir(parents=True)
    for name in ("s1.jsonl", "s2.jsonl.gz", "agent-x.meta.json", "other.meta.json", "notes.txt"):
        (folder / name).touch()
    (folder / "loop").symlink_to(tmp_path / "projects", target_is_directory=True)
    found = transcript_files([tmp_path / "projects", folder, tmp_path / "projects"])
    assert list(found) == ["p/agent-x.meta.json", "p/s1.jsonl", "p/s2.jsonl.gz"]
