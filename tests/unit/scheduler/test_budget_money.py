"""Cents that add up, whatever the costs are: here and in the macro that the models use."""

import random
from decimal import ROUND_HALF_UP, Decimal

import duckdb
import pytest
from jinja2 import Environment

from scheduler.budgets.money import CENT, cents_of_sum, converted
from tests.unit.test_repository import ROOT


def random_costs(chance: random.Random) -> list[Decimal | None]:
    """Costs with ten decimals, ties and unknown ones among them."""
    tie = Decimal(chance.randrange(10**12)).scaleb(-10)
    return [
        None
        if chance.random() < 0.05
        else tie
        if chance.random() < 0.2
        else Decimal(chance.randrange(10**13)).scaleb(-10)
        for _ in range(chance.randrange(1, 60))
    ]


def by_macro(costs: list[Decimal | None]) -> list[Decimal | None]:
    """The same in SQL, by the macro of the models."""
    text = (ROOT / "dbt/macros/budgets.sql").read_text(encoding="utf-8")
    macro = text[text.index("{%- macro cents_of_sum") :]
    call = macro + "{{ cents_of_sum('cost', 'place', '1') }}"
    expression = Environment(autoescape=False).from_string(call).render()  # noqa: S701 (SQL, not HTML)
    with duckdb.connect() as connection:
        connection.execute("create table costs (place integer, cost decimal(38, 10))")
        connection.executemany("insert into costs values (?, ?)", list(enumerate(costs)))
        return [row[0] for row in connection.execute(f"select {expression} from costs order by place").fetchall()]


@pytest.mark.parametrize("seed", range(40))
def test_rows_add_up_to_their_sum_to_the_cent_and_are_off_by_less_than_one(seed: int) -> None:
    costs = random_costs(random.Random(seed))
    amounts = cents_of_sum(costs)
    known = [cost for cost in costs if cost is not None]
    total = sum(known, Decimal(0)).quantize(CENT, ROUND_HALF_UP)
    assert sum((amount for amount in amounts if amount is not None), Decimal(0)) == total
    for cost, amount in zip(costs, amounts, strict=True):
        assert (cost is None) == (amount is None)
        assert cost is None or amount is None or abs(amount - cost) < CENT
    assert by_macro(costs) == amounts


def test_the_missing_cents_go_to_those_that_lost_most() -> None:
    costs: list[Decimal | None] = [Decimal("0.004"), Decimal("0.009"), Decimal("1.000"), None, Decimal("0.002")]
    assert cents_of_sum(costs) == [Decimal("0.01"), Decimal("0.01"), Decimal("1.00"), None, Decimal("0.00")]
    assert cents_of_sum([]) == []


@pytest.mark.parametrize("seed", range(10))
def test_another_currency_adds_up_as_well(seed: int) -> None:
    chance = random.Random(seed)
    costs, rate = random_costs(chance), Decimal(chance.randrange(1, 10**6)).scaleb(-3)
    exact = [converted(cost, rate) for cost in costs]
    total = sum((cost for cost in exact if cost is not None), Decimal(0)).quantize(CENT, ROUND_HALF_UP)
    assert sum((amount for amount in cents_of_sum(exact) if amount is not None), Decimal(0)) == total
