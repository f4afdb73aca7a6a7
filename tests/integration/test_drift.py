"""The monitor of drift, by the model's own SQL: how often it alarms for nothing, and how soon for something.

More years: DRIFT_YEARS=2000 DRIFT_SEED=2 ./analytics test tests/integration/test_drift.py -s
"""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from random import Random
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from tests.integration.simulated_years import Change, Day, becomes, fewer_hits, key, plant, rows, year
from tests.integration.warehouse import Warehouse

YEARS = int(os.environ.get("DRIFT_YEARS", "300"))
SEED = int(os.environ.get("DRIFT_SEED", "1"))
PLANTED = 100

# What becomes of a figure. For the simulated person 87 % of the cache lives an hour, 97 % of the prompts are cached,
# 40 % of the answers think, 5 % of the calls fail, 4 % of the prompts are stopped.
CHANGES: dict[str, tuple[str, Change]] = {
    "the cache lives five minutes": (
        "cache_1h_share",
        becomes("cache_creation_1h_tokens", "cache_creation_tokens", 0),
    ),
    "the cache answers 60 %": ("cache_hit_share", fewer_hits(0.6)),
    "no thinking": ("thinking_share", becomes("thinking_response_count", "response_count", 0)),
    "half of the calls fail": ("error_rate", becomes("error_count", "attempt_count", 0.5)),
    "nine of ten prompts are stopped": ("redo_rate", becomes("redone_turn_count", "turn_count", 0.9)),
    "a fifteenth of the output": (
        "output_per_prompt",
        becomes("visible_output_tokens", "visible_output_tokens", 1 / 15),
    ),
}
FOR_A_DAY = ("the cache lives five minutes", "the cache answers 60 %")
"""Changes that stand out on their own day; the others need the next one."""

Alarms = dict[str, list[tuple[str, int, int]]]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    built = Warehouse(tmp_path_factory.mktemp("drift"))
    with closing(built.dbt):
        built.build("resource_type:seed", "+fct_drift_alarms", "+agg_cost_changes", command="build", tests=False)
        yield built


@pytest.fixture(scope="module")
def years() -> list[dict[int, Day]]:
    """The sums of each day of many people's years. Only to be read: see `_beginning`."""
    random = Random(SEED)
    return [year(random) for _ in range(max(YEARS, PLANTED))]


def _beginning(whole: dict[int, Day], length: int) -> dict[int, Day]:
    """Return a copy of the first days of a year, to plant a change in."""
    return {day: Counter(sums) for day, sums in whole.items() if day < length}


def _fill(warehouse: Warehouse, days: list[dict[str, Any]]) -> None:
    """Let the monitor read these rows in place of a history's."""
    with duckdb.connect(str(warehouse.volume.work_database)) as connection:
        connection.execute("delete from marts.agg_drift_metrics")
        connection.register("days", pa.Table.from_pylist(days))
        connection.execute("insert into marts.agg_drift_metrics by name from days")


def _alarms(warehouse: Warehouse, days: list[dict[str, Any]]) -> Alarms:
    """Metric, day of the change and day of the alarm, by model."""
    _fill(warehouse, days)
    warehouse.build("fct_drift_alarms")
    found: Alarms = {}
    for model, *alarm in warehouse.rows(
        "select model, metric, date_key, detected_date_key from marts.fct_drift_alarms order by all"
    ):
        found.setdefault(model, []).append((alarm[0], alarm[1], alarm[2]))
    return found


def test_it_alarms_for_nothing_at_most_once_a_year(warehouse: Warehouse, years: list[dict[int, Day]]) -> None:
    found = _alarms(warehouse, [row for number in range(YEARS) for row in rows(f"year {number}", years[number])])
    false = Counter(metric for alarms in found.values() for metric, *_ in alarms)
    print(f"{false.total() / YEARS:.2f} a year over all figures of a model: {dict(false)} in {YEARS} years")
    assert 0 < false.total() <= YEARS


@pytest.mark.parametrize("lasting", [True, False])
def test_it_alarms_within_two_days_of_a_change_and_names_its_day(
    warehouse: Warehouse, years: list[dict[int, Day]], lasting: bool
) -> None:
    """Each change is planted in the same hundred years, one by one."""
    days, expected = [], {}
    for name, (metric, change) in CHANGES.items():
        for number in range(PLANTED if lasting or name in FOR_A_DAY else 0):
            sums = _beginning(years[number], 220)
            first, second = plant(sums, change, 100 + number // 2, lasting=lasting)
            expected[f"{name} {number}"] = (name, metric, key(first), key(second))
            days += rows(f"{name} {number}", sums)
    found = _alarms(warehouse, days)
    seen: Counter[str] = Counter()
    for model, (name, metric, first_day, second_day) in expected.items():
        alarms = [alarm for alarm in found.get(model, []) if alarm[0] == metric and alarm[1] == first_day]
        seen[name] += any(alarm[2] <= second_day for alarm in alarms)
    print({name: f"{count / PLANTED:.0%}" for name, count in seen.items()})
    assert {name: count for name, count in seen.items() if count < 0.95 * PLANTED} == {}
    assert set(seen) == (set(CHANGES) if lasting else set(FOR_A_DAY))


def test_too_few_days_raise_no_alarm(warehouse: Warehouse) -> None:
    random = Random(SEED)
    sums = dict(list(year(random).items())[:14])
    becomes("cache_creation_1h_tokens", "cache_creation_tokens", 0)(sums[max(sums)])
    assert _alarms(warehouse, rows("new", sums)) == {}


def _day(ago: int, model: str = "claude-a", **more: Any) -> dict[str, Any]:
    """Sums of a day of 10 prompts, 1,000 tokens of each kind a prompt, and a cent for each kind."""
    day = int((date(2026, 6, 30) - timedelta(ago)).strftime("%Y%m%d"))
    tokens = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_creation_tokens", "cache_creation_5m_tokens")
    dollars = ("input", "output", "cache_read", "cache_write_5m")
    sums = dict.fromkeys(tokens, 10_000) | {f"{name}_cost_usd": 0.01 for name in dollars}
    sums |= {"cache_write_1h_cost_usd": 0.0, "web_search_cost_usd": 0.0, "cache_creation_1h_tokens": 0}
    counts = {"turn_count": 10, "redone_turn_count": 0, "response_count": 10, "thinking_response_count": 0}
    counts |= {"priced_response_count": 10, "attempt_count": 0, "error_count": 0, "visible_output_tokens": 0}
    return {"date_key": day, "model": model, "session_key": f"{ago}", "version": "2.1.1"} | sums | counts | more


@pytest.mark.parametrize(
    ("part", "after", "dollars"),
    [
        ("prompts", {"turn_count": 20, "input_tokens": 20_000, "output_tokens": 20_000, "cache_read_tokens": 20_000,
                     "cache_creation_tokens": 20_000, "cache_creation_5m_tokens": 20_000, "input_cost_usd": 0.02,
                     "output_cost_usd": 0.02, "cache_read_cost_usd": 0.02, "cache_write_5m_cost_usd": 0.02}, 0.04),
        ("output", {"output_tokens": 30_000, "output_cost_usd": 0.03}, 0.02),
        ("prices", {"input_cost_usd": 0.05}, 0.04),
        ("searches", {"web_search_cost_usd": 0.5}, 0.5),
        ("context", {"input_tokens": 20_000, "cache_read_tokens": 20_000, "cache_creation_tokens": 20_000,
                     "cache_creation_5m_tokens": 20_000, "input_cost_usd": 0.02, "cache_read_cost_usd": 0.02,
                     "cache_write_5m_cost_usd": 0.02}, 0.03),
        ("models", {"model": "claude-b", "input_cost_usd": 0.05}, 0.04),
    ],
)  # fmt: skip
def test_the_part_that_changed_has_the_whole_difference(
    warehouse: Warehouse, part: str, after: dict[str, Any], dollars: float
) -> None:
    _fill(warehouse, [*(_day(ago) for ago in (30, 40)), *(_day(ago) | after for ago in (0, 10))])
    warehouse.build("agg_cost_changes")
    [change] = warehouse.rows(
        "select columns('^from_.*')::double from marts.agg_cost_changes where change_kind = 'period'"
    )
    names = ["prompts", "context", "output", "models", "cache", "prices", "searches"]
    expected = dict.fromkeys(names, 0.0) | {part: 2 * dollars}
    assert dict(zip(names, change, strict=True)) == pytest.approx(expected, abs=1e-8)


def test_the_parts_add_up_to_the_difference_exactly(warehouse: Warehouse) -> None:
    random, days = Random(SEED), []
    for ago in range(200):
        counts = {name: random.randrange(1, 10**7) for name in ("output_tokens", "cache_read_tokens", "input_tokens")}
        dollars = {f"{name}_cost_usd": random.random() for name in ("output", "cache_read", "input", "web_search")}
        days.append(_day(ago, f"claude-{random.randrange(3)}", version=f"2.1.{ago // 20}", **counts, **dollars))
    _fill(warehouse, days)
    warehouse.build("agg_cost_changes")
    changes = warehouse.rows(
        "select cost_after_usd - cost_before_usd, from_prompts_usd + from_context_usd + from_output_usd"
        " + from_models_usd + from_cache_usd + from_prices_usd + from_searches_usd from marts.agg_cost_changes"
    )
    assert len(changes) > 5
    assert [whole for whole, _ in changes] == [parts for _, parts in changes]


def test_an_empty_history_has_neither_alarms_nor_changes(warehouse: Warehouse) -> None:
    assert _alarms(warehouse, [_day(0)]) == {}
    _fill(warehouse, [_day(0)])
    warehouse.build("agg_cost_changes")
    assert warehouse.rows("from marts.agg_cost_changes") == []
