"""Values as cards show them; `page/format.js` writes the same, and a test compares the two."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from common import numbers

if TYPE_CHECKING:  # the terminal's commands format numbers without importing the dashboards' definitions
    from dashboards.definitions import Column, Format

NOTHING = "–"  # noqa: RUF001  the sign for: no value
_NOT_RECORDED = "not recorded"
UNKNOWN: "dict[Format, str]" = {
    "count": _NOT_RECORDED,
    "tokens": _NOT_RECORDED,
    "duration": _NOT_RECORDED,
    "days": _NOT_RECORDED,
    "bytes": _NOT_RECORDED,
    "usd": "unknown",
    "amount": "unknown",
}
"""The text of a figure that is not in the transcripts, or whose price is unknown. It is never zero."""


def show_cell(value: Any, column: "Column") -> str:
    """Return a table cell's value as a reader sees it."""
    if value is None and column.missing is not None:
        return column.missing
    return show(value, column.shown_as)


def show(value: Any, as_: "Format") -> str:
    """Return the formatted value: a missing figure has its own text, any other missing value is a dash."""
    if value is None:
        return UNKNOWN.get(as_, NOTHING)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if as_ == "day" and isinstance(value, date):
        return value.strftime("%Y-%m-%d")
    if as_ == "time" and isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    if as_ in ("text", "day", "time"):
        return str(value)
    return _NUMBERS[as_](float(value))


_NUMBERS = {
    "count": numbers.count,
    "tokens": numbers.compact,
    "usd": numbers.usd,
    "amount": numbers.amount,
    "percent": numbers.percent,
    "duration": numbers.duration,
    "days": numbers.days,
    "bytes": numbers.size,
}
