"""Compares the cost of each response, by this count's price list."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date
from typing import NamedTuple

from verify.answers import Response
from verify.line_values import instant
from verify.price_list import Bill, PriceList
from verify.published_figures import Lines
from verify.report import Difference
from verify.terms import Terms

_CENTS = 1e-9
"""The tolerance for sums in another order, in US dollars and relative to a cost."""


class Charge(NamedTuple):
    """The cost of a response, or None if unknown, and its web searches."""

    cost: float | None
    searches: int


class Pair(NamedTuple):
    """One response with both charges."""

    response: Response
    counted: Charge
    stored: Charge


def charges_of(paid: Iterable[tuple[Response, Terms]], prices: PriceList) -> dict[Response, list[Charge]]:
    """Return the cost of each response; responses that are otherwise equal are grouped."""
    found: dict[Response, list[Charge]] = defaultdict(list)
    for response, terms in paid:
        found[response].append(Charge(prices.cost(_bill(response, terms)), terms.searches))
    return found


def _bill(response: Response, terms: Terms) -> Bill:
    return Bill(
        model=response.model,
        day=_utc_day(response.at),
        tokens=response.tokens,
        hour=terms.hour,
        searches=terms.searches,
        is_fast=terms.is_fast,
        is_us=terms.is_us,
        is_batch=terms.tier == "batch",
    )


def _utc_day(at: int | None) -> date | None:
    return None if at is None else instant(at).astimezone(UTC).date()


def compare_costs(
    ours: dict[Response, list[Charge]], theirs: dict[Response, list[Charge]], lines: Lines
) -> list[Difference]:
    """Return differences in costs and web searches of responses that are otherwise equal.

    Sessions with lost lines are omitted: such a line may have recorded that the response was in fast mode.
    """
    costs: dict[tuple[str, str], list[Pair]] = defaultdict(list)
    searches: list[Pair] = []
    for response in sorted(ours.keys() & theirs.keys(), key=str):
        counted, stored = sorted(ours[response], key=_order), sorted(theirs[response], key=_order)
        if response.session in lines.losing | lines.sharing or len(counted) != len(stored):
            continue
        for charge, other in zip(counted, stored, strict=True):
            if not _is_same(charge.cost, other.cost):
                costs[response.day, response.model].append(Pair(response, charge, other))
            if charge.searches != other.searches:
                searches.append(Pair(response, charge, other))
    return [*(_cost_difference(*cell, found) for cell, found in sorted(costs.items())), *_search_difference(searches)]


def _order(charge: Charge) -> tuple[bool, float, int]:
    return charge.cost is None, charge.cost or 0.0, charge.searches


def _is_same(cost: float | None, other: float | None) -> bool:
    if cost is None or other is None:
        return cost is other
    return abs(cost - other) <= _CENTS + _CENTS * abs(cost)


def _cost_difference(day: str, model: str, found: list[Pair]) -> Difference:
    counted = sum(pair.counted.cost or 0.0 for pair in found)
    stored = sum(pair.stored.cost or 0.0 for pair in found)
    response, charge, other = found[0]
    example = f"{response.message or response.model}: {_dollars(charge.cost)}, not {_dollars(other.cost)}"
    return Difference("cost in USD", day, model, round(counted, 6), round(stored, 6), example)


def _dollars(cost: float | None) -> str:
    return "not known" if cost is None else f"{cost:.6f}"


def _search_difference(found: list[Pair]) -> list[Difference]:
    if not found:
        return []
    response, charge, other = found[0]
    counted = sum(pair.counted.searches for pair in found)
    stored = sum(pair.stored.searches for pair in found)
    example = f"{response.message or response.model}: {charge.searches}, not {other.searches}"
    return [Difference("web searches", "", "", counted, stored, example)]
