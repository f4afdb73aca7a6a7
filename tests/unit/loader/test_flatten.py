"""One row per content block, and no text lost to a type that was not expected."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import duckdb
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loader.raw_schema import CREATE_RAW, RAW_COLUMNS
from tests.unit.loader.incoming import flattened

Flatten = Callable[..., list[dict[str, Any]]]


def _assistant(*blocks: Any, **fields: Any) -> dict[str, Any]:
    message = {"id": "msg_1", "role": "assistant", "model": "claude-opus-4-5", "content": list(blocks)}
    return {"_id": "a", "type": "assistant", "sessionId": "s", "message": message, **fields}


def _result(tool_use_result: Any, content: Any = "done", **block: Any) -> dict[str, Any]:
    blocks = [{"type": "tool_result", "tool_use_id": "t1", "content": content, **block}]
    return {
        "_id": "r",
        "type": "user",
        "message": {"role": "user", "content": blocks},
        "toolUseResult": tool_use_result,
    }


def test_each_block_is_a_row_in_its_order(flatten: Flatten) -> None:
    """Text, thinking and a tool call of one line become three rows with the line's own fields on each."""
    rows = flatten(
        _assistant(
            {"type": "thinking", "thinking": "hm"},
            {"type": "text", "text": "I will look"},
            {"type": "tool_use", "id": "t1", "name": "Read", "input": {"file_path": "/a"}},
            requestId="req_1",
        )
    )
    assert [(row["conversation_id"], row["block_type"], row["block_text"]) for row in rows] == [
        ("a:0", "thinking", "hm"),
        ("a:1", "text", "I will look"),
        ("a:2", "tool_use", None),
    ]
    assert {row["request_id"] for row in rows} == {"req_1"}
    assert {row["block_count"] for row in rows} == {3}
    assert (rows[2]["tool_use_id"], rows[2]["tool_name"]) == ("t1", "Read")
    assert orjson.loads(rows[2]["tool_input"]) == {"file_path": "/a"}


@pytest.mark.parametrize("given", [{}, {"input": None}])
@pytest.mark.parametrize("kind", ["tool_use", "server_tool_use", "mcp_tool_use"])
def test_a_call_without_input_is_a_call_with_its_id(flatten: Flatten, kind: str, given: dict[str, Any]) -> None:
    (row,) = flatten(_assistant({"type": kind, "id": "t1", "name": "TaskList", **given}))
    assert (row["block_type"], row["tool_use_id"], row["tool_name"]) == (kind, "t1", "TaskList")
    assert (row["tool_input"], row["tool_input_length"], row["tool_input_lines"]) == (None, None, None)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": "typed"}, "typed"),
        ({"content": [{"type": "text", "text": "typed"}]}, "typed"),
        ({"content": ["bare"]}, "bare"),
        ({"content": {"type": "text", "text": "alone"}}, "alone"),
        ({"content": [{"type": "text", "text": 42}]}, "42"),
        ({"content": [{"type": "text", "text": {"of": "another type"}}]}, '{"of":"another type"}'),
        ("a message that is a string", "a message that is a string"),
        ({"content": "nul \u0000 inside"}, "nul \u0000 inside"),
    ],
)
def test_text_survives_whatever_type_carries_it(flatten: Flatten, message: Any, text: str) -> None:
    """A content of any shape keeps its text."""
    (row,) = flatten({"_id": "u", "type": "user", "message": message})
    assert row["block_text"] == text


@pytest.mark.parametrize("content", [None, []])
def test_a_line_without_blocks_is_one_row(flatten: Flatten, content: Any) -> None:
    """Nothing to unnest is no reason to lose the line."""
    (row,) = flatten({"_id": "u", "type": "user", "message": {"content": content}})
    assert (row["block_index"], row["block_count"], row["block_type"]) == (0, 0, None)


def test_a_sub_agents_answer_inside_a_progress_line_is_a_message(flatten: Flatten) -> None:
    """Its uuid, time, request and usage are the inner ones; the session is the outer line's."""
    inner = {
        "type": "assistant",
        "uuid": "inner",
        "timestamp": "2026-01-02T03:04:05.678Z",
        "requestId": "req_inner",
        "message": {"id": "m", "model": "x", "usage": {"input_tokens": 7}, "content": [{"type": "text", "text": "t"}]},
    }
    (row,) = flatten(
        {
            "_id": "p",
            "type": "progress",
            "uuid": "outer",
            "parentUuid": "before",
            "sessionId": "s",
            "timestamp": "2026-01-02T03:04:06Z",
            "data": {"type": "agent_progress", "agentId": "agent7", "message": inner},
        }
    )
    assert (row["is_progress"], row["is_sidechain"], row["message_type"], row["line_type"]) == (
        True,
        True,
        "assistant",
        "progress",
    )
    assert (row["uuid"], row["parent_uuid"], row["request_id"]) == ("inner", "before", "req_inner")
    assert (row["agent_id"], row["input_tokens"], row["block_text"]) == ("agent7", 7, "t")
    assert row["event_at"] == datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


@pytest.mark.parametrize("moment", ["infinity", "-infinity", "294247-01-01T00:00:00Z", "0044-03-15 (BC) 12:00:00"])
def test_a_moment_that_fits_no_date_key_is_none(flatten: Flatten, moment: str) -> None:
    """DuckDB reads each of these, and a build over one of them ended with an error."""
    line = {"timestamp": moment, "message": {"content": "x"}}
    rows = flatten({"_id": "1", "type": "user"} | line, {"_id": "2", "type": "progress", "data": {"message": line}})
    assert [row["event_at"] for row in rows] == [None, None]


def test_a_timestamp_without_a_zone_is_utc_and_rubbish_is_none(flatten: Flatten) -> None:
    """The session's own timezone never decides what a timestamp means."""
    rows = flatten({"_id": "1", "timestamp": "2026-01-02T03:04:05"}, {"_id": "2", "timestamp": "yesterday"})
    assert [row["event_at"] for row in rows] == [datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), None]


def test_usage_is_typed_and_kept(flatten: Flatten) -> None:
    """A count that is no number is unknown, a field of the future stays in the JSON."""
    usage = {
        "input_tokens": 3,
        "output_tokens": "12",
        "cache_read_input_tokens": "many",
        "cache_creation_input_tokens": 30,
        "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
        "server_tool_use": {"web_search_requests": 2},
        "speed": "fast",
        "of_the_future": [1],
    }
    line = _assistant({"type": "text", "text": "x"})
    line["message"]["usage"] = usage
    (row,) = flatten(line)
    assert (row["input_tokens"], row["output_tokens"], row["cache_read_tokens"]) == (3, 12, None)
    assert (row["cache_creation_5m_tokens"], row["cache_creation_1h_tokens"]) == (10, 20)
    assert (row["web_search_requests"], row["speed"]) == (2, "fast")
    kept = {name: value for name, value in usage.items() if name != "cache_read_input_tokens"}
    assert orjson.loads(row["usage"]) == kept | {"output_tokens": 12}


def test_tool_output_is_cut_with_its_full_length_beside_it(flatten: Flatten) -> None:
    """What a tool said is kept up to the limit."""
    (row,) = flatten(_result(None, content="x" * 5000))
    assert (len(row["tool_result_text"]), row["tool_result_length"]) == (2000, 5000)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("out", "out"),
        ([{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}], "a\nb"),
        (["a", "b"], "a\nb"),
        ({"odd": 1}, '{"odd":1}'),
        (None, None),
    ],
)
def test_tool_output_of_any_shape_is_read(flatten: Flatten, content: Any, text: str | None) -> None:
    """A string, a list of parts, a list of strings, an object."""
    (row,) = flatten(_result(None, content=content))
    assert row["tool_result_text"] == (text or None)


def test_an_absent_is_error_means_no_error(flatten: Flatten) -> None:
    """Only tool results have an is_error."""
    rows = flatten(
        _result(None), {**_result(None, is_error=True), "_id": "s"}, _assistant({"type": "text", "text": "x"})
    )
    assert {row["document_id"]: row["is_error"] for row in rows} == {"r": False, "s": True, "a": None}


def test_lines_are_counted_from_the_patch(flatten: Flatten) -> None:
    """Only lines that start with + or - count."""
    patch = [{"lines": ["+a", " b", "-c"]}, {"lines": ["+d", "\\ No newline at end of file"]}]
    (row,) = flatten(_result({"filePath": "/f", "structuredPatch": patch}))
    assert (row["result_lines_added"], row["result_lines_removed"], row["result_file_path"]) == (2, 1, "/f")


@pytest.mark.parametrize(("content", "lines"), [("a\nb\n", 2), ("a\nb", 2), ("", 0), ("\n", 1)])
def test_a_new_file_counts_its_contents_lines(flatten: Flatten, content: str, lines: int) -> None:
    """A Write of a new file has an empty patch."""
    (row,) = flatten(_result({"type": "create", "filePath": "/f", "content": content, "structuredPatch": []}))
    assert (row["result_lines_added"], row["result_lines_removed"]) == (lines, 0)


@pytest.mark.parametrize(("value", "kind"), [({"a": 1}, "object"), ("text", "string"), ([1], "array"), (None, None)])
def test_a_tool_use_result_of_any_kind_is_told_apart(flatten: Flatten, value: Any, kind: str | None) -> None:
    """It may be an object, a string or an array."""
    (row,) = flatten(_result(value))
    assert row["result_kind"] == kind


def test_of_several_results_in_a_line_the_first_owns_the_tool_use_result(flatten: Flatten) -> None:
    """toolUseResult describes one result only."""
    blocks = [{"type": "text", "text": "x"}, *({"type": "tool_result", "tool_use_id": name} for name in ("t1", "t2"))]
    rows = flatten(
        {
            "_id": "u",
            "type": "user",
            "message": {"content": blocks},
            "toolUseResult": {"agentId": "g", "totalTokens": 5},
        }
    )
    assert [row["result_agent_id"] for row in rows] == [None, "g", None]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ({"type": "attachment", "attachment": {"type": "queued_command", "prompt": "then do that"}}, "then do that"),
        ({"type": "summary", "summary": "what happened"}, "what happened"),
        ({"type": "system", "content": "said"}, "said"),
        ({"type": "ai-title", "aiTitle": "a title"}, "a title"),
        ({"type": "queue-operation", "content": "next"}, "next"),
        ({"type": "last-prompt", "lastPrompt": "typed"}, "typed"),
        ({"type": "file-history-snapshot", "snapshot": {}}, None),
    ],
)
def test_lines_without_a_message_keep_their_text_and_themselves(flatten: Flatten, line: Any, text: str | None) -> None:
    """Text that people see is in block_text, the line as a whole in attributes."""
    (row,) = flatten({"_id": "x", **line})
    assert row["block_text"] == text
    assert orjson.loads(row["attributes"]) == {"_id": "x", **line}


def test_a_line_of_an_unknown_type_and_a_block_of_an_unknown_type_are_kept(flatten: Flatten) -> None:
    """What the future brings is a row too, with what it holds."""
    rows = flatten({"_id": "1", "type": "brand-new", "x": 1}, _assistant({"type": "hologram", "shape": "cube"}))
    assert {row["line_type"] for row in rows} == {"brand-new", "assistant"}
    assert [orjson.loads(row["attributes"]) for row in rows] == [
        {"_id": "1", "type": "brand-new", "x": 1},
        {"type": "hologram", "shape": "cube"},
    ]


def test_a_document_that_is_no_json_is_a_row_with_its_text(flatten: Flatten) -> None:
    """Another writer's mistake stops nothing."""
    (row,) = flatten("{not json")
    assert (row["line_type"], row["block_text"]) == (None, "{not json")


def test_flattening_yields_just_the_columns_of_raw(flatten: Flatten) -> None:
    """What the SQL selects and what the table holds are one list."""
    (row,) = flatten({"_id": "x"})
    assert list(row) == list(RAW_COLUMNS)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_FIELDS = ["type", "message", "toolUseResult", "data", "attachment", "content", "timestamp", "isSidechain", "origin"]
_INNER = ["content", "usage", "id", "type", "text", "message", "tool_use_id", "structuredPatch", "lines", "is_error"]


def _odd(value: Any) -> st.SearchStrategy[Any]:
    return st.one_of(st.dictionaries(st.sampled_from(_INNER), _JSON, max_size=4), value)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.dictionaries(st.sampled_from(_FIELDS), _odd(_odd(_JSON)), max_size=5), min_size=1, max_size=20))
def test_no_json_object_makes_the_load_fail_or_lose_a_line(documents: list[dict[str, Any]]) -> None:
    """Whatever a line holds, it comes out as at least one row."""
    flat = flattened(*documents, tool_output_limit=100)
    flat.conversations.validate(full=True)
    assert {name.partition(":")[0] for name in flat.conversations["conversation_id"].to_pylist()} == {
        str(position) for position in range(len(documents))
    }
    with duckdb.connect() as connection:
        for statement in CREATE_RAW:
            connection.execute(statement)
        rows = flat.conversations
        connection.execute(
            "insert into raw.conversations by name select *, 1::bigint as load_id, now() as loaded_at from rows"
        )
        assert connection.execute("select count(*) from raw.conversations").fetchone() == (rows.num_rows,)
