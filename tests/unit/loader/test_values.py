"""A value is checked once, where it enters: what no figure can use is NULL and recorded, and changes nothing else."""

import json
from typing import Any

import orjson
import pytest

from loader.flatten_usage import MOST_ITERATIONS
from loader.values import REJECTED_PER_DOCUMENT
from tests.unit.loader.incoming import flattened, rejected, rows_of


def _usage(**usage: Any) -> dict[str, Any]:
    return {"type": "assistant", "message": {"content": [{"type": "text", "text": "x"}], "usage": usage}}


@pytest.mark.parametrize("written", [1200, 1200.0, "1200", " 1200 ", "1.2e3", "1200.0", "+1200"])
def test_a_count_is_taken_however_it_is_written(written: Any) -> None:
    (row,) = rows_of(_usage(input_tokens=written))
    assert row["input_tokens"] == 1200
    assert orjson.loads(row["usage"]) == {"input_tokens": 1200}
    assert rejected(_usage(input_tokens=written)) == []


def test_null_is_not_recorded_and_no_wrong_value() -> None:
    (row,) = rows_of(_usage(input_tokens=None, output_tokens=3))
    assert (row["input_tokens"], row["output_tokens"]) == (None, 3)
    assert rejected(_usage(input_tokens=None)) == []


@pytest.mark.parametrize(
    ("written", "kind", "found"),
    [
        ("-1", "negative", "-1"),
        ("12.5", "fractional", "12.5"),
        ("9007199254740993", "beyond 2^53", "9007199254740993"),
        ("1e999", "not a number", "inf"),
        ("NaN", "not a number", "nan"),
        ("true", "not a number", "true"),
        ('"many"', "not a number", "many"),
        ('{"a": 1}', "not a number", '{"a":1}'),
        ('"' + "9" * 500 + '"', "not a number", "9" * 80),
        ("1" * 30, "beyond 2^53", orjson.dumps(float("1" * 30)).decode()),
    ],
)
def test_a_count_that_no_figure_can_use_is_null_and_recorded(written: str, kind: str, found: str) -> None:
    line = json.dumps(_usage(input_tokens="HERE", output_tokens=7)).replace('"HERE"', written)
    (row,) = rows_of(line)
    assert (row["input_tokens"], row["output_tokens"]) == (None, 7)
    assert orjson.loads(row["usage"])["output_tokens"] == 7
    assert rejected(line) == [("usage.input_tokens", kind, found)]


def test_the_largest_count_is_taken() -> None:
    (row,) = rows_of(_usage(input_tokens=2**53))
    assert row["input_tokens"] == 2**53


def test_numbers_of_iterations_are_checked_and_their_count_is_bounded() -> None:
    iterations = [{"input_tokens": -5, "output_tokens": "3"}] * (MOST_ITERATIONS + 1)
    (row,) = rows_of(_usage(iterations=iterations))
    assert orjson.loads(row["usage"])["iterations"] == [{"output_tokens": 3}] * MOST_ITERATIONS
    assert set(rejected(_usage(iterations=iterations))) == {("usage.iterations.input_tokens", "negative", "-5")}


def test_an_unknown_number_may_have_decimals_and_is_never_negative() -> None:
    (row,) = rows_of(_usage(of_the_future={"share": 0.5, "loss": -1}))
    assert orjson.loads(row["usage"]) == {"of_the_future": {"share": 0.5}}


@pytest.mark.parametrize("usage", [None, [], "x", 3])
def test_a_usage_that_is_no_object_says_nothing(usage: Any) -> None:
    (row,) = rows_of({"type": "assistant", "message": {"content": "x", "usage": usage}})
    assert (row["usage"], row["input_tokens"]) == (None, None)


def test_the_cost_that_a_line_reports_is_typed_and_checked() -> None:
    line = {
        "type": "cost-state",
        "totalCostUSD": 1.5,
        "modelUsage": {"claude-x": {"inputTokens": 1, "outputTokens": -2, "costUSD": 1e22, "note": "n"}, "odd": 3},
    }
    (row,) = rows_of(line)
    assert row["reported_cost_usd"] == 1.5
    assert orjson.loads(row["reported_model_usage"]) == {"claude-x": {"inputTokens": 1}}
    assert sorted(rejected(line)) == [
        ("modelUsage.costUSD", "beyond 2^53", orjson.dumps(1e22).decode()),
        ("modelUsage.outputTokens", "negative", "-2"),
    ]


@pytest.mark.parametrize(("written", "kind"), [(1e22, "beyond 2^53"), (2e9, "too large"), (-0.5, "negative")])
def test_a_reported_cost_that_cannot_be_is_null(written: float, kind: str) -> None:
    line = {"type": "cost-state", "totalCostUSD": written}
    assert rows_of(line)[0]["reported_cost_usd"] is None
    assert [value[1] for value in rejected(line)] == [kind]


def test_numbers_that_models_read_from_attributes_are_checked() -> None:
    line = {"type": "system", "durationMs": -5, "retryInMs": 542.3, "error": {"status": "bad", "formatted": "f"}}
    (row,) = rows_of(line)
    assert orjson.loads(row["attributes"]) == line | {"durationMs": None, "error": {"status": None, "formatted": "f"}}
    assert rejected(line) == [("durationMs", "negative", "-5"), ("error.status", "not a number", "bad")]


@pytest.mark.parametrize(("written", "meant"), [(True, True), ("true", True), ("F", False), (1, True), ("0", False)])
def test_a_boolean_is_taken_however_it_is_written(written: Any, meant: bool) -> None:
    assert rows_of({"type": "user", "isMeta": written})[0]["is_meta"] is meant


def test_what_is_no_boolean_is_recorded() -> None:
    line = {"type": "user", "isSidechain": "perhaps", "isMeta": []}
    assert rows_of(line)[0]["is_sidechain"] is False
    assert rejected(line) == [("isSidechain", "not a boolean", "perhaps"), ("isMeta", "not a boolean", "[]")]


def test_times_that_no_figure_can_use_are_recorded() -> None:
    assert rejected({"timestamp": "yesterday"}, {"timestamp": 0}, {"timestamp": None}) == [
        ("timestamp", "not a time", "yesterday"),
        ("timestamp", "year out of range", "0"),
    ]


def test_durations_and_counts_of_a_result_are_checked() -> None:
    block = {"type": "tool_result", "tool_use_id": "t", "content": "x"}
    result = {"totalDurationMs": "12", "totalTokens": 1.5, "totalToolUseCount": -1}
    (row,) = rows_of({"type": "user", "message": {"content": [block]}, "toolUseResult": result})
    assert (row["result_duration_ms"], row["result_total_tokens"], row["result_tool_use_count"]) == (12, None, None)


def test_a_line_does_not_record_more_values_than_anybody_reads() -> None:
    blocks = [{"type": "tool_result", "is_error": "perhaps"}] * (REJECTED_PER_DOCUMENT + 5)
    values = flattened({"type": "user", "message": {"content": blocks}}).rejected_values
    assert values.num_rows == REJECTED_PER_DOCUMENT
