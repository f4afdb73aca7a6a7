"""Amounts in cents that add up: the rule of the macro cents_of_sum, for currencies other than US dollars."""

from collections.abc import Sequence
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext

CENT = Decimal("0.01")
_EXACT = Decimal("1E-10")


def converted(cost_usd: Decimal | None, usd_rate: Decimal) -> Decimal | None:
    """Return a cost in US dollars in another currency, with ten decimals; None stays unknown."""
    if cost_usd is None:
        return None
    with localcontext(prec=60):
        return (cost_usd / usd_rate).quantize(_EXACT, ROUND_HALF_EVEN)


def cents_of_sum(costs: Sequence[Decimal | None]) -> list[Decimal | None]:
    """Return the costs in cents, so that they add up to their sum in cents, half a cent rounded up.

    Every cost is cut to whole cents; the cents that are then missing go, one each, to those that lost most, of equal
    ones to the first. A cost that is not known stays so.
    """
    with localcontext(prec=60):
        cut = {place: cost.quantize(CENT, ROUND_FLOOR) for place, cost in enumerate(costs) if cost is not None}
        lost = {place: (costs[place] or Decimal(0)) - amount for place, amount in cut.items()}
        total = sum((cost for cost in costs if cost is not None), Decimal(0)).quantize(CENT, ROUND_HALF_UP)
        missing = int((total - sum(cut.values(), Decimal(0))) / CENT)
        favoured = set(sorted(cut, key=lambda place: (-lost[place], place))[:missing])
        amounts = {place: amount + CENT if place in favoured else amount for place, amount in cut.items()}
    return [amounts.get(place) for place in range(len(costs))]
