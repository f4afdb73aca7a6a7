"""The usage models over what the loader's own flattening makes of lines, built by dbt in a real work database."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import genai_prices
import pytest
from genai_prices.data import providers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.warehouse import USAGE, Line, Warehouse, answer, copied, in_file, prompt, replay


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """One dbt process for all tests here; each begins with an empty database that holds the seeds."""
    warehouse = Warehouse(tmp_path_factory.mktemp("usage"))
    with closing(warehouse.dbt):
        yield warehouse


@pytest.fixture
def warehouse(seeded: Warehouse) -> Warehouse:
    seeded.begin_with_seeds()
    return seeded


TOOL = [{"type": "tool_use", "id": "t1", "name": "Bash", "input": {}}]
TREE = [
    # a response in three lines with growing figures, one without id, one after Berlin's midnight, an unknown model's
    *in_file(
        "p/s1.jsonl",
        prompt("s1", 0),
        answer("m1", 1),
        answer("m1", 40, minute=1, content=TOOL),
        answer("m1", 39, minute=2, stop_reason="end_turn"),
        answer(None, 7, minute=3),
        answer(
            "m2",
            9,
            minute=40,
            usage={"cache_creation_input_tokens": 50, "cache_creation": {"ephemeral_1h_input_tokens": 20}},
        ),
        answer("m3", 9, minute=400, model="not-yet-known", usage={"new_field": 1}),
        {"type": "cost-state", "sessionId": "s1", "totalCostUSD": 0.5, "timestamp": "2026-03-29T06:00:00Z"},
    ),
    # a fork of it that copies a line, goes on with the copied answer, and gives its own answer the id of another's
    *in_file(
        "a/s2.jsonl",
        prompt("s2", 30),
        copied(answer("m1", 1), "s2"),
        answer("m1", 41, session="s2", minute=1, model="claude-haiku-4-5"),
        answer("m2", 8, session="s2", minute=45),
        answer("m4", 3, session="s2", minute=50),
    ),
    # a sub-agent's file, and progress lines that replay it, one of them the only trace of its answer
    *in_file("p/s1/subagents/agent-x.jsonl", answer("m5", 2, minute=5) | {"isSidechain": True, "agentId": "x"}),
    *in_file("p/s1.jsonl", replay(answer("m5", 2, minute=5), "s1"), replay(answer("m6", 4, minute=6), "s1")),
    *in_file("p/s1.jsonl", answer("m7", model="<synthetic>", minute=7)),
]


@pytest.fixture(scope="module")
def at_once(seeded: Warehouse) -> dict[str, list[tuple[Any, ...]]]:
    """What the tables say after the whole tree came in one load."""
    seeded.begin_with_seeds()
    seeded.load(TREE)
    seeded.build(*USAGE, command="build", full=True)
    return seeded.usage()


def test_the_tree_is_counted_by_every_rule_at_once(
    at_once: dict[str, list[tuple[Any, ...]]], seeded: Warehouse
) -> None:
    """The example of the property below is worth its name: each rule decides something in it."""
    found = seeded.rows(
        "select coalesce(message_id, '-'), session_id, date_key, output_tokens, is_subagent, line_count"
        " from marts.fct_api_requests order by 1, 2"
    )
    assert found == [
        ("-", "s1", 20260328, 7, False, 1),
        ("m1", "s1", 20260328, 39, False, 5),
        ("m2", "s1", 20260329, 9, False, 1),
        ("m2", "s2", 20260329, 8, False, 1),
        ("m3", "s1", 20260329, 9, False, 1),
        ("m4", "s2", 20260329, 3, False, 1),
        ("m5", "s1", 20260328, 2, True, 2),
        ("m6", "s1", 20260328, 4, True, 1),
    ]
    assert len(at_once["facts"]) == len(found)


@given(st.permutations(TREE), st.lists(st.integers(1, len(TREE) - 1), min_size=1, max_size=2, unique=True))
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_order_and_no_split_of_the_loads_changes_a_figure(
    at_once: dict[str, list[tuple[Any, ...]]], seeded: Warehouse, lines: list[tuple[str, bytes]], cuts: list[int]
) -> None:
    """Lines that come late correct what was written from the earlier ones; incremental is what a full build is."""
    seeded.begin_with_seeds()
    bounds = [0, *sorted(cuts), len(lines)]
    for start, end in pairwise(bounds):
        seeded.load(lines[start:end])
        seeded.build()
    assert seeded.usage() == at_once


def test_a_session_that_turns_out_to_have_begun_earlier_takes_its_responses_back(warehouse: Warehouse) -> None:
    """Not a line of the response is new; only an earlier line of the other session that holds it."""
    warehouse.load(
        [
            *in_file("p/s1.jsonl", prompt("s1", 0), answer("m1", minute=2)),
            *in_file("p/s2.jsonl", prompt("s2", 1), copied(answer("m1", minute=2), "s2")),
        ]
    )
    warehouse.build()
    owner = "select session_id from marts.fct_api_requests"
    assert warehouse.rows(owner) == [("s1",)]
    warehouse.load(in_file("p/s2.jsonl", prompt("s2", -5)))
    warehouse.build()
    assert warehouse.rows(owner) == [("s2",)]


def test_a_users_own_price_list_goes_before_ours_and_reprices_what_is_there(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    """No new line, no full refresh: the list alone changes the cost, and without it the cost is what it was."""
    warehouse.load(in_file("p/s1.jsonl", answer("m1"), answer("m2", model="my-own-model", minute=5)))
    cost = "select message_id, cost_usd, price_model_id from marts.fct_api_requests order by 1"
    warehouse.build()
    ours = warehouse.rows(cost)
    assert [(row[0], row[2]) for row in ours] == [("m1", "claude-opus-4-6"), ("m2", None)]
    assert ours[1][1] is None
    own = tmp_path / "own's prices.csv"
    own.write_text(
        "model_id,model_pattern,valid_from,input_usd,output_usd,cache_read_usd\nmine,^my-own,,1,2,0\n"
        "opus,^claude-opus-4-6$,2026-03-01,100000,0,0\n",
        encoding="utf-8",
    )
    warehouse.build(env={"MODEL_PRICES_CSV": str(own)})
    assert warehouse.rows(cost) == [("m1", 1.0, "opus"), ("m2", 0.00002, "mine")]
    own.unlink()  # a reader of the published database does not have it
    assert warehouse.rows("select model_id from intermediate.int_model_rates where list_rank = 0 order by 1") == [
        ("mine",),
        ("opus",),
    ]
    warehouse.build(env={"MODEL_PRICES_CSV": ""})
    assert warehouse.rows(cost) == ours


def test_a_model_without_a_price_warns_and_stops_nothing(warehouse: Warehouse) -> None:
    """Its tokens count, its cost is not known, and the build says which model it is about."""
    warehouse.load(in_file("p/s1.jsonl", answer("m1", model="not-yet-known")))
    outcome = warehouse.build("+fct_api_requests", "dim_models", "assert_every_model_has_a_price", command="build")
    assert [node.name for node in outcome.warnings] == ["assert_every_model_has_a_price"]
    assert warehouse.rows("select model, is_priced, unpriced_response_count, input_usd from marts.dim_models") == [
        ("not-yet-known", False, 1, None)
    ]


DAYS = (date(2025, 6, 1), date(2026, 3, 12), date(2026, 3, 13), date(2026, 11, 1))
PRICED = [model for provider in providers if provider.id == "anthropic" for model in provider.models]


def _asked(model: str, day: date, prompt_tokens: int) -> tuple[Line, float]:
    """A response of a model, and what genai-prices' own calculator says that it cost."""
    usage = {
        "input_tokens": 1000,
        "output_tokens": 500,
        "cache_read_input_tokens": prompt_tokens - 6000,
        "cache_creation_input_tokens": 5000,
        "cache_creation": {"ephemeral_5m_input_tokens": 2000, "ephemeral_1h_input_tokens": 3000},
    }
    at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    line = answer(f"{model} {day} {prompt_tokens}", 500, model=model, usage=usage) | {"timestamp": at.isoformat()}
    calculated = genai_prices.calc_price(
        genai_prices.Usage(
            input_tokens=prompt_tokens,
            output_tokens=500,
            cache_read_tokens=prompt_tokens - 6000,
            cache_write_tokens=5000,
            cache_write_1h_tokens=3000,
        ),
        model_ref=model,
        provider_id="anthropic",
        genai_request_timestamp=at,
    )
    return line, float(calculated.total_price)


def test_the_cost_of_every_model_is_what_genai_prices_calculates(warehouse: Warehouse) -> None:
    """Before and after prices changed, below and above the thresholds; but for Sonnet 4, whose threshold it lacks."""
    models = [model.id for model in PRICED if model.id not in {"claude-2", "claude-v1"}]
    asked = [_asked(model, day, size) for model in models for day in DAYS for size in (50_000, 500_000)]
    asked = [
        (line, cost)
        for line, cost in asked
        if "sonnet-4-0 2025-06" in line["message"]["id"] or "sonnet-4-0" not in line["message"]["id"]
    ]
    warehouse.load(in_file("p/s1.jsonl", *(line for line, _ in asked)))
    warehouse.build()
    costs = dict(warehouse.rows("select message_id, cost_usd from marts.fct_api_requests"))
    expected = {line["message"]["id"]: pytest.approx(cost, rel=1e-9) for line, cost in asked}
    assert costs == expected
