"""What Metabase's pages make of a card's rows, as far as the order of rows and the words of a trend depend on it.

Read in `frontend/src/metabase/lib/data_grid.js` (`pivot`, `distinctValuesSorted`, `SortState`),
`visualizations/SmartScalar/compute.ts` (`getCurrentMetricData`, `computeTrendAnotherColumn`) and
`src/metabase/analyze/fingerprint/insights.clj` (`infer-unit`, `valid-period?`).
"""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Any

Row = Sequence[Any]
_DAYS = {"minute": 1 / 1440, "hour": 1 / 24, "day": 1, "week": 7, "month": 30.5, "quarter": 91.2}


def pivot_order(rows: Sequence[Row], column: int, other: int) -> list[Any]:
    """Return a pivoted column's values in the order in which the table shows them.

    That of first appearance, unless the values rise (or fall) within each group of rows that share the `other` column
    and not over all rows: then they are sorted.
    """
    values = list(dict.fromkeys(row[column] for row in rows))
    steps = list(pairwise(rows))
    grouped = [(a[column], b[column]) for a, b in steps if a[other] == b[other] and a[column] != b[column]]
    everywhere = [(a[column], b[column]) for a, b in steps]
    if grouped and all(a < b for a, b in grouped) and not all(a <= b for a, b in everywhere):
        return sorted(values)
    if grouped and all(a > b for a, b in grouped) and not all(a >= b for a, b in everywhere):
        return sorted(values, reverse=True)
    return values


def trend(names: Sequence[str], rows: Sequence[Row], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a trend shows: the value, its date and that date's unit, and what it is compared with."""
    day = next(index for index, value in enumerate(rows[0]) if isinstance(value, date))
    field = names.index(settings["scalar.field"])
    complete = [row for row in rows if row[field] is not None and row[day] is not None]
    if not complete:
        return {"error": "No rows contain a valid value."}
    [comparison] = settings["scalar.comparisons"]
    assert comparison["type"] == "anotherColumn", comparison
    return {
        "value": complete[-1][field],
        "date": complete[-1][day],
        "unit": _unit([row[day] for row in complete]),
        "before": complete[-1][names.index(comparison["column"])],
        "against": f"vs. {comparison['label']}",
    }


def _unit(days: Sequence[date]) -> str | None:
    """Infer the unit from how far the last two days are apart, give or take a tenth; one day alone has no unit."""
    if len(days) < 2:
        return None
    apart = abs((days[-1] - days[-2]).days)
    return next((unit for unit, length in _DAYS.items() if 0.9 < apart / length < 1.1), None)
