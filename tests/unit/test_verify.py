"""The second count and its comparison: what is in the files must be in the database, to the token."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from verify.compare import Difference, VerifyError, VerifyReport, verify
from verify.recount import Recount, count_file, transcript_files

Line = dict[str, Any]
DAY = "2026-03-01"


def usage(output: int = 1, **more: Any) -> Line:
    return {"input_tokens": 10, "output_tokens": output, "cache_read_input_tokens": 100} | more


def answer(message: str | None = "m1", session: str = "s1", at: str = f"{DAY}T10:00:00.000Z", **more: Any) -> Line:
    inner = {"id": message, "model": "claude-opus-4-6", "role": "assistant", "content": [], "usage": usage()} | more
    return {"type": "assistant", "sessionId": session, "timestamp": at, "uuid": f"{message}-{at}", "message": inner}


def progress(line: Line, session: str) -> Line:
    inner = {key: line[key] for key in ("type", "timestamp", "uuid", "message")}
    return {"type": "progress", "sessionId": session, "data": {"type": "agent_progress", "message": inner}}


def count(tmp_path: Path, *contents: bytes) -> Recount:
    recount = Recount()
    for number, content in enumerate(contents):
        path = tmp_path / f"{number}.jsonl"
        path.write_bytes(content)
        count_file(recount, path.name, path)
    return recount


def lines(*values: Line) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


def tokens(recount: Recount) -> dict[str, tuple[int, ...]]:
    return {key: tuple(response.tokens.values()) for key, response in recount.responses.items()}


def test_a_response_counts_once_by_the_highest_of_each_figure(tmp_path: Path) -> None:
    recount = count(
        tmp_path, lines(answer(usage=usage(3)), answer(usage=usage(40)), answer(usage=usage(7, input_tokens=11)))
    )
    assert tokens(recount) == {"m1": (11, 40, 100, 0)}


def test_a_fork_adds_nothing_and_the_first_session_owns_the_response(tmp_path: Path) -> None:
    early = {"type": "user", "sessionId": "s1", "timestamp": f"{DAY}T09:00:00Z", "message": {"content": "hi"}}
    recount = count(tmp_path, lines(answer(session="s2", model="later")), lines(early, answer(session="s1")))
    assert tokens(recount) == {"m1": (10, 1, 100, 0)}
    assert recount.placed(recount.responses["m1"]) == (datetime(2026, 3, 1, 10, tzinfo=UTC), "claude-opus-4-6")
    assert recount.sessions == {"s1", "s2"}


def test_answers_in_progress_lines_count_and_replays_do_not_decide(tmp_path: Path) -> None:
    replay = progress(answer("m1", at=f"{DAY}T08:00:00Z", model="replayed"), "s0")
    recount = count(tmp_path, lines(replay, progress(answer("m2"), "s0")), lines(answer("m1")))
    assert tokens(recount).keys() == {"m1", "m2"}
    assert recount.placed(recount.responses["m1"])[1] == "claude-opus-4-6"


def test_lines_without_message_id_are_never_merged_but_their_copies_are(tmp_path: Path) -> None:
    one, other = answer(None), answer(None, at=f"{DAY}T11:00:00Z")
    assert len(count(tmp_path, lines(one, other)).responses) == 2
    assert len(count(tmp_path, lines(one, other), lines(one)).responses) == 2


def test_only_answers_of_models_are_responses(tmp_path: Path) -> None:
    prompt = answer("m2") | {"type": "user"}
    recount = count(tmp_path, lines(answer(model="<synthetic>"), prompt, answer("m3", usage=None)))
    assert recount.responses == {}


def test_tool_calls_count_by_id_wherever_they_are(tmp_path: Path) -> None:
    call = {"type": "tool_use", "id": "t1", "name": "Bash"}
    other = progress(answer("m2", content=[{"type": "tool_use", "id": "t2", "name": "Read"}]), "s1")
    recount = count(tmp_path, lines(answer(content=[call]), answer(content=[call]), other))
    assert recount.tool_calls == {"t1", "t2"}


def test_cache_writes_named_only_by_lifetime_are_summed(tmp_path: Path) -> None:
    split = {"ephemeral_5m_input_tokens": 5, "ephemeral_1h_input_tokens": 7}
    recount = count(tmp_path, lines(answer(usage=usage(cache_creation=split))))
    assert tokens(recount) == {"m1": (10, 1, 100, 12)}


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
    ],
    ids=["BOM", "CRLF", "no end", "NUL", "half a line", "no objects", "two objects", "bad UTF-8", "huge int", "deep"],
)
def test_a_damaged_file_is_counted_as_far_as_it_can_be_read(tmp_path: Path, content: bytes) -> None:
    assert tokens(count(tmp_path, content)) == {"m1": (10, 1, 100, 0)}


def test_a_half_line_is_not_counted_as_malformed_while_it_may_still_be_written(tmp_path: Path) -> None:
    recount = count(tmp_path, lines(answer()) + b'{"half', b"broken\n")
    assert (recount.lines, recount.malformed) == (2, 1)


def test_numbers_that_are_none_count_as_absent(tmp_path: Path) -> None:
    odd = usage(output_tokens="7", input_tokens=True, cache_read_input_tokens="many", cache_creation_input_tokens=2**70)
    assert tokens(count(tmp_path, lines(answer(usage=odd)))) == {"m1": (0, 7, 0, 0)}


def test_a_directory_that_is_linked_to_is_read_once(tmp_path: Path) -> None:
    folder = tmp_path / "projects" / "p"
    folder.mkdir(parents=True)
    (folder / "s1.jsonl").touch()
    (folder / "loop").symlink_to(tmp_path / "projects", target_is_directory=True)
    assert list(transcript_files([tmp_path / "projects"])) == ["p/s1.jsonl"]


class Published:
    """A small published database, and the transcripts that it was made from."""

    def __init__(self, folder: Path) -> None:
        self.transcripts = folder / "projects"
        self.database = folder / "analytics.db"
        self.write("p/s1.jsonl", answer("m1", content=[{"type": "tool_use", "id": "t1"}]), answer("m2"))
        self.execute(
            "create schema marts",
            "create schema raw",
            "create table marts.fct_api_requests (request_key text, message_id text, session_id text, date_key int,"
            " model text, input_tokens bigint, output_tokens bigint, cache_read_tokens bigint,"
            " cache_creation_tokens bigint)",
            "create table marts.dim_sessions (session_id text)",
            "create table marts.fct_tool_calls (tool_call_key text, session_id text)",
            "create table raw.conversations (source_file text, session_id text, message_id text)",
            "create table raw.transcript_files"
            " (source_file text, read_bytes bigint, collected_at timestamptz, resets int)",
            "insert into marts.dim_sessions values ('s1')",
            "insert into marts.fct_tool_calls values ('t1', 's1')",
        )
        self.collected("p/s1.jsonl")
        self.response("m1")
        self.response("m2")

    def write(self, name: str, *values: Line) -> None:
        """Append lines to a transcript."""
        path = self.transcripts / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(lines(*values))

    def execute(self, *statements: str) -> None:
        """Change the database."""
        with duckdb.connect(str(self.database)) as connection:
            for statement in statements:
                connection.execute(statement)

    def collected(self, name: str) -> None:
        """The collector has just read this file to its end."""
        size = (self.transcripts / name).stat().st_size
        self.execute(f"insert into raw.transcript_files values ('{name}', {size}, now(), 0)")

    def response(self, message: str, session: str = "s1", *, file: str = "p/s1.jsonl", day: int = 20260301) -> None:
        """The database holds this response, from a line in this file."""
        self.execute(
            f"insert into marts.fct_api_requests values"
            f" ('message:{message}', '{message}', '{session}', {day}, 'claude-opus-4-6', 10, 1, 100, 0)",
            f"insert into raw.conversations values ('{file}', '{session}', '{message}')",
        )

    def verify(self, timezone: str = "UTC") -> VerifyReport:
        """Compare."""
        return verify(self.database, [self.transcripts], timezone)


@pytest.fixture
def published(tmp_path: Path) -> Published:
    return Published(tmp_path)


def test_equal_counts_agree(published: Published) -> None:
    report = published.verify()
    assert report.agrees
    assert (report.files, report.sessions, report.tool_calls, report.responses, report.days) == (1, 1, 1, 2, 1)
    assert report.only_in_database == {"responses": 0, "tokens": 0, "sessions": 0, "tool_calls": 0}


CELL = (DAY, "claude-opus-4-6")


@pytest.mark.parametrize(
    ("damage", "differences"),
    [
        (
            "update marts.fct_api_requests set output_tokens = 2 where message_id = 'm2'",
            [Difference("output_tokens", *CELL, 2, 3)],
        ),
        (
            "delete from marts.fct_api_requests where message_id = 'm2'",
            [
                Difference("responses", *CELL, 2, 1),
                Difference("input_tokens", *CELL, 20, 10),
                Difference("output_tokens", *CELL, 2, 1),
                Difference("cache_read_tokens", *CELL, 200, 100),
            ],
        ),
        (
            "insert into marts.fct_api_requests select * replace ('m9' as message_id, 0 as input_tokens, 0 as"
            " cache_read_tokens) from marts.fct_api_requests where message_id = 'm2'",
            [Difference("responses", *CELL, 2, 3), Difference("output_tokens", *CELL, 2, 3)],
        ),
        ("delete from marts.dim_sessions", [Difference("sessions", "", "", 1, 0, "s1")]),
        ("insert into marts.dim_sessions values ('s7')", [Difference("sessions", "", "", 1, 2, "s7")]),
        ("update marts.fct_tool_calls set tool_call_key = 't0'", [Difference("tool calls", "", "", 1, 1, "t1")]),
    ],
    ids=["a token", "a response lost", "a response too many", "a session lost", "a session too many", "another call"],
)
def test_each_kind_of_damage_is_a_difference(published: Published, damage: str, differences: list[Difference]) -> None:
    published.execute(damage)
    assert list(published.verify().differences) == differences


def test_a_response_on_the_wrong_day_differs_on_both_days(published: Published) -> None:
    published.execute("update marts.fct_api_requests set date_key = 20260302 where message_id = 'm1'")
    differing = {
        (row.day, row.in_files, row.in_database) for row in published.verify().differences if row.measure == "responses"
    }
    assert differing == {(DAY, 2, 1), ("2026-03-02", 0, 1)}


def test_days_are_cut_in_the_users_timezone(published: Published) -> None:
    assert not published.verify("Pacific/Kiritimati").agrees
    published.execute("update marts.fct_api_requests set date_key = 20260301")
    assert published.verify("America/New_York").agrees


def test_what_comes_from_transcripts_that_are_gone_is_history_and_no_difference(published: Published) -> None:
    published.execute("insert into raw.transcript_files values ('p/old.jsonl', 1, now(), 0)")
    published.response("old", "s0", file="p/old.jsonl", day=20250101)
    published.execute(
        "insert into marts.dim_sessions values ('s0')", "insert into marts.fct_tool_calls values ('t0', 's0')"
    )
    report = published.verify()
    assert report.agrees
    assert report.only_in_database == {"responses": 1, "tokens": 111, "sessions": 1, "tool_calls": 1}


def test_a_response_that_a_deleted_transcript_also_held_may_be_elsewhere_or_higher(published: Published) -> None:
    """Its first lines were in a session that is gone, so the day is that one's and the maximum may be, too."""
    published.execute(
        "insert into raw.conversations values ('p/old.jsonl', 's0', 'm1')",
        "update marts.fct_api_requests set session_id = 's0', date_key = 20260228, output_tokens = 9"
        " where message_id = 'm1'",
    )
    report = published.verify()
    assert report.agrees
    assert report.only_in_database["responses_with_lost_lines"] == 1


def test_a_deleted_copy_does_not_excuse_a_figure_that_is_too_low(published: Published) -> None:
    published.execute(
        "insert into raw.conversations values ('p/old.jsonl', 's0', 'm1')",
        "update marts.fct_api_requests set output_tokens = 0 where message_id = 'm1'",
    )
    assert [row.measure for row in published.verify().differences] == ["output_tokens"]


def test_a_response_without_message_id_is_matched_by_its_day_and_model(published: Published) -> None:
    published.write("p/s1.jsonl", answer(None, at=f"{DAY}T12:00:00Z"))
    published.collected("p/s1.jsonl")
    assert not published.verify().agrees
    published.execute(
        "insert into marts.fct_api_requests select * replace ('line:x' as request_key, null as message_id)"
        " from marts.fct_api_requests where message_id = 'm1'"
    )
    assert published.verify().agrees


def test_what_was_written_since_the_last_look_is_left_out_and_said(published: Published) -> None:
    published.execute("update raw.transcript_files set collected_at = now() - interval 1 hour")
    published.write("p/s1.jsonl", answer("m3"))
    published.write("p/s2.jsonl", answer("m4", "s2"))
    report = published.verify()
    assert report.agrees
    assert report.not_yet_collected == len(lines(answer("m3"), answer("m4", "s2")))


def test_a_file_that_the_collector_should_have_read_whole_is_counted_whole(published: Published) -> None:
    published.write("p/s1.jsonl", answer("m3"))
    published.execute("update raw.transcript_files set collected_at = now() + interval 1 hour")
    assert "responses" in {row.measure for row in published.verify().differences}


@pytest.mark.parametrize(
    ("missing", "message"),
    [(lambda it: it.transcripts, "expected a directory"), (lambda it: it.database, "expected a published database")],
)
def test_nothing_to_compare_is_one_clear_line(
    published: Published, tmp_path: Path, missing: Callable[[Published], Path], message: str
) -> None:
    missing(published).rename(tmp_path / "elsewhere")
    with pytest.raises(VerifyError, match=message):
        published.verify()
