"""The running block: its burn rate, and where it is heading."""

from datetime import UTC, datetime, timedelta

import pytest

from cli.quick.blocks import Block, Projection
from cli.quick.usage import Usage

START = datetime(2026, 6, 1, 8, tzinfo=UTC)


def block(first: int, last: int, cost: float | None = 2.0) -> Block:
    """A block of 6,000 tokens, 3,000 of them without the cache, between two minutes."""
    first_at, last_at = START + timedelta(minutes=first), START + timedelta(minutes=last)
    usage = Usage(None, {}, (1000, 2000, 500, 2500), cost)
    return Block(START, START + timedelta(hours=5), first_at, last_at, 2, ["m"], usage)


def test_the_burn_rate_is_what_was_used_between_first_and_last_response() -> None:
    rate = block(10, 70).burn_rate()
    assert rate is not None
    assert (rate.tokens_per_minute, rate.tokens_per_minute_for_indicator) == (100, 50)
    assert rate.cost_per_hour == pytest.approx(2.0)


def test_the_projection_goes_on_at_this_rate_until_the_block_ends() -> None:
    now = START + timedelta(hours=4)
    assert block(10, 70).projection(now) == Projection(6000 + 60 * 100, 4.0, 60)


def test_one_response_has_no_rate_and_an_unknown_price_no_projected_cost() -> None:
    now = START + timedelta(hours=4)
    assert block(10, 10).burn_rate() is None
    assert block(10, 10).projection(now) is None
    assert block(10, 70, None).projection(now) == Projection(12_000, None, 60)


@pytest.mark.parametrize(("minutes", "active"), [(-1, False), (0, True), (299, True), (300, False)])
def test_a_block_runs_for_five_hours(minutes: int, active: bool) -> None:
    now = START + timedelta(minutes=minutes)
    assert block(0, 1).is_active(now) is active
    assert (block(0, 1).projection(now) is not None) is active
