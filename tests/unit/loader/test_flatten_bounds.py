"""What is long is cut before it is copied, its full length kept; what cannot be read stops nothing else."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from loader.cut import ATTRIBUTES_LIMIT, JSON_LIMIT, NAME_LIMIT, STRING_LIMIT, TEXT_LIMIT
from tests.unit.loader.incoming import flattened, rows_of

ROOT = Path(__file__).resolve().parents[3]


def _call(given: Any, name: str = "Write") -> dict[str, Any]:
    block = {"type": "tool_use", "id": "t", "name": name, "input": given}
    return {"type": "assistant", "message": {"content": [block]}}


def _output(content: Any) -> dict[str, Any]:
    return {"type": "user", "message": {"content": [{"type": "tool_result", "tool_use_id": "t", "content": content}]}}


def test_strings_of_a_tools_input_are_cut_and_its_length_is_kept() -> None:
    given = {"file_path": "/a", "content": 'é"\n' * 10_000, "deep": [{"x": "y" * 5_000}]}
    (row,) = rows_of(_call(given))
    kept = orjson.loads(row["tool_input"])
    assert kept == {
        "file_path": "/a",
        "content": given["content"][:STRING_LIMIT],
        "deep": [{"x": "y" * STRING_LIMIT}],
    }
    assert row["tool_input_length"] == len(orjson.dumps(given).decode())
    assert row["tool_input_lines"] == 10_000


@pytest.mark.parametrize(
    "given",
    [
        {"file_path": "/a", "rows": list(range(100_000))},
        {"file_path": "/a", "rows": {str(n): "x" * 1_000 for n in range(1_000)}},
        {"file_path": "/a"} | {str(n): "x" * 3_000 for n in range(1_000)},
    ],
)
def test_an_input_that_is_long_as_a_whole_keeps_its_scalars(given: dict[str, Any]) -> None:
    (row,) = rows_of(_call(given))
    assert len(row["tool_input"]) <= JSON_LIMIT
    assert orjson.loads(row["tool_input"])["file_path"] == "/a"
    assert row["tool_input_length"] == len(orjson.dumps(given))


@pytest.mark.parametrize(
    ("given", "lines"),
    [
        ({"content": "a\nb"}, 2),
        ({"new_source": "a\n"}, 1),
        ({"file_text": ""}, 0),
        ({"content": 7}, None),
        ({"command": "x"}, None),
        ("content", None),
        ([], None),
    ],
)
def test_the_lines_that_an_input_holds_are_counted(given: Any, lines: int | None) -> None:
    (row,) = rows_of(_call(given))
    assert row["tool_input_lines"] == lines


@pytest.mark.parametrize(
    ("content", "length"),
    [
        ("x" * 100, 100),
        ([{"text": "x" * 30}, {"text": "y" * 30}, {"type": "image"}], 61),
        (["x" * 7, "y" * 7], 15),
        ({"odd": "x" * 9_000}, 9_010),
    ],
)
def test_tool_output_is_cut_whatever_carries_it(content: Any, length: int) -> None:
    (row,) = rows_of(_output(content), tool_output_limit=10)
    assert (len(row["tool_result_text"]), row["tool_result_length"]) == (10, length)


@pytest.mark.parametrize(
    ("content", "text", "rest"),
    [
        ("hook\n" * 9 + "[main abc1234] Add\n", "hook\n" * 6, "[main abc1234] "),
        ("x" * 20 + " https://git.example/o/r/pull/123 y", "x" * 20 + " ", "https://git.example/o/r/pull/123"),
        ([{"text": "x" * 40}, {"text": "[Request interrupted by user]"}], "x" * 30, "[Request interrupted by user"),
        ("x" * 40 + " already exists: [main abc1234] no", "x" * 30, "already exists"),
        ("[main abc1234] Add\n" + "x" * 40, "[main abc1234] Add\n" + "x" * 11, None),
        ("[main abc1234] Add\n", "[main abc1234] Add\n", None),
    ],
)
def test_what_an_output_says_of_its_end_is_kept_beyond_the_limit(content: Any, text: str, rest: str | None) -> None:
    """An address is never cut in two, or it would be another pull request's."""
    (row,) = rows_of(_output(content), tool_output_limit=30)
    assert (row["tool_result_text"], row["tool_result_rest"]) == (text, rest)


def test_no_picture_reaches_the_rows() -> None:
    picture = {"type": "image", "source": {"type": "base64", "data": "A" * 100_000}}
    line = {"type": "user", "message": {"content": [picture, {"type": "tool_result", "content": [picture]}]}}
    flat = flattened(line, {"type": "user", "message": {"content": picture}})
    assert flat.conversations.nbytes < 10_000


def test_a_line_of_many_blocks_repeats_no_long_text() -> None:
    usage = {"input_tokens": 7, "output_tokens": 9, "notes": {str(number): "x" * 100 for number in range(200)}}
    message = {"id": "m" * 50, "usage": usage, "content": [{"type": "text", "text": "x"}] * 10_000}
    long = "x" * 4_000
    flat = flattened({"type": "assistant", "uuid": "u" * 36, "cwd": long, "gitBranch": long, "message": message})
    assert flat.conversations.num_rows == 10_000
    assert flat.conversations.nbytes < 20_000_000
    row = flat.conversations.slice(9_999).to_pylist()[0]
    assert (row["uuid"], row["message_id"], row["input_tokens"]) == ("u" * 36, "m" * 50, 7)
    assert orjson.loads(row["usage"]).items() >= {"input_tokens": 7, "output_tokens": 9}.items()


def test_a_line_of_few_blocks_keeps_its_names() -> None:
    message = {"content": [{"type": "text", "text": "x"}] * 200}
    rows = rows_of({"type": "assistant", "cwd": "x" * 4_000, "message": message})
    assert {row["cwd"] for row in rows} == {"x" * 4_000}


def test_what_a_person_wrote_is_kept_whole() -> None:
    (row,) = rows_of({"type": "user", "message": {"content": "x" * 1_000_000}})
    assert len(row["block_text"]) == 1_000_000


@pytest.mark.parametrize("content", ["x" * 2_000_000, [{"type": "text", "text": "x" * 2_000_000}]])
def test_what_no_person_wrote_is_cut(content: Any) -> None:
    (row,) = rows_of({"type": "user", "message": {"content": content}})
    assert len(row["block_text"]) == TEXT_LIMIT


def test_a_name_that_is_no_name_is_cut() -> None:
    (row,) = rows_of({"type": "user", "cwd": "x" * 100_000, "error": {"odd": "y" * 100_000}})
    assert (len(row["cwd"]), len(row["error_kind"])) == (NAME_LIMIT, NAME_LIMIT)


def test_a_long_line_without_blocks_keeps_its_facts() -> None:
    (row,) = rows_of({"type": "attachment", "uuid": "u", "attachment": {"type": "file", "content": ["x"] * 50_000}})
    assert orjson.loads(row["attributes"]) == {"type": "attachment", "uuid": "u", "attachment": {"type": "file"}}
    (row,) = rows_of({"type": "user", "message": {"content": [{"type": "odd", "shape": "s", "points": [0] * 50_000}]}})
    assert orjson.loads(row["attributes"]) == {"type": "odd", "shape": "s"}
    assert len(row["attributes"]) <= ATTRIBUTES_LIMIT


def test_half_a_surrogate_pair_becomes_a_replacement_character() -> None:
    (row,) = rows_of('{"type":"user","message":{"content":"cut \\ud83d here"},"k\\ud83d":1}')
    assert row["block_text"] == "cut \ufffd here"


def test_what_only_pythons_parser_reads_is_read() -> None:
    (row,) = rows_of('{"type":"x","a":NaN,"b":-Infinity,"c":1e999,"d":' + "9" * 5_000 + "}")
    assert orjson.loads(row["attributes"]) == {"type": "x", "a": None, "b": None, "c": None, "d": None}


def test_a_line_that_cannot_be_flattened_is_rejected_alone() -> None:
    deep = "[" * 100_000 + "]" * 100_000
    flat = flattened({"type": "user"}, '{"type":"user","timestamp":"never","x":' + deep + "}", {"type": "user"})
    assert flat.conversations["document_id"].to_pylist() == ["0", "2"]
    (document,) = flat.rejected_documents.to_pylist()
    assert (document["document_id"], document["project_id"], document["host"]) == ("1", "p", "h")
    assert document["reason"].startswith("RecursionError")
    assert flat.rejected_values.num_rows == 0


def test_a_line_that_is_nested_deeply_keeps_its_facts() -> None:
    given: Any = 1
    for _ in range(300):
        given = {"a": given}
    text = '{"type":"assistant","message":{"usage":{"input_tokens":7},"content":[{"type":"tool_use","input":%s}]}}'
    flat = flattened(text % str(given).replace("'", '"'))
    (row,) = flat.conversations.to_pylist()
    assert row["input_tokens"] == 7
    assert row["tool_input"].startswith('{"a":{"a":')
    assert flat.rejected_documents.num_rows == 0


def test_a_batch_without_documents_has_no_rows() -> None:
    assert [table.num_rows for table in flattened()] == [0, 0, 0, 0]


MEASURE = """
import resource, sys
import orjson
from tests.unit.loader.incoming import flattened, incoming
from loader.flatten import flatten
picture = {{"type": "image", "source": {{"type": "base64", "data": "A" * {size}}}}}
line = {line}
batch = incoming(line)
del picture, line
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rows = flatten(batch, 2000).conversations
print(rows.num_rows, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize(
    ("line", "rows", "most_mib"),
    [
        ('{"message": {"content": [{"type": "tool_result", "content": [picture]}]}}', 1, 80),
        ('{"message": {"content": [{"type": "tool_use", "input": {"content": picture["source"]["data"]}}]}}', 1, 120),
        ('{"message": {"content": picture["source"]["data"]}}', 1, 160),
        ('{"cwd": "/w", "message": {"content": [{"type": "text", "text": "x"}] * 100_000}}', 100_000, 300),
    ],
)
def test_memory_follows_what_is_kept(line: str, rows: int, most_mib: int) -> None:
    """Lines of some 40 MB: more than the parsed line, what is kept of it and one copy in between is too much."""
    program = MEASURE.format(size=40_000_000, line=line)
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    count, mib = map(int, done.stdout.split())
    assert count == rows
    assert mib < most_mib
