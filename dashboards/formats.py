"""Numbers as people read them; `page/format.js` writes the same, and a test compares the two."""

from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from dashboards.definitions import Column, Format

NOTHING = "–"  # noqa: RUF001  the sign for: no value
_NOT_RECORDED = "not recorded"
UNKNOWN: dict[Format, str] = {
    "count": _NOT_RECORDED,
    "tokens": _NOT_RECORDED,
    "duration": _NOT_RECORDED,
    "days": _NOT_RECORDED,
    "bytes": _NOT_RECORDED,
    "usd": "unknown",
}
"""What a figure says that the transcripts do not hold, or whose price is not known. It is never zero."""


def show_cell(value: Any, column: Column) -> str:
    """Return a table cell's value as a reader sees it."""
    if value is None and column.missing is not None:
        return column.missing
    return show(value, column.shown_as)


def show(value: Any, as_: Format) -> str:
    """Return the value as a reader sees it: a missing figure says so, any other missing value is a dash."""
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


def _fixed(value: float, digits: int) -> str:
    # Half away from zero, as browsers do; Python's own formatting rounds a tie to even.
    return f"{Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP):,}"


def _trim(value: float, digits: int) -> str:
    text = _fixed(value, digits)
    trimmed = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if trimmed == "-0" else trimmed


def _count(value: float) -> str:
    return _trim(value, 0 if value == int(value) else 1)


def _compact(value: float) -> str:
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if abs(value) >= size * 0.9995:
            scaled = value / size
            return f"{_trim(scaled, 0 if abs(scaled) >= 99.95 else 1)} {unit}"
    return _trim(value, 0)


def _usd(value: float) -> str:
    sign = "-" if value < 0 else ""
    size = abs(value)
    if 0 < size < 0.01:
        return f"{sign}${_fixed(size, 3)}" if size >= 0.001 else f"{sign}<$0.001"
    return f"{sign}${_fixed(size, 0 if size >= 1000 else 2)}"


def _percent(value: float) -> str:
    # Neither "0 %" for something nor "100 %" for almost everything.
    if 0 < value < 0.0005:
        return "<0.1 %"
    return ">99.9 %" if 0.9995 <= value < 1 else f"{_trim(value * 100, 1)} %"


def _duration(milliseconds: float) -> str:
    if milliseconds < 1000:
        return f"{_fixed(milliseconds, 0)} ms"
    seconds = milliseconds / 1000
    if seconds < 59.95:
        return f"{_trim(seconds, 1)} s"
    whole = int(seconds + 0.5)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = int(seconds / 60 + 0.5)
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"


def _days(value: float) -> str:
    return "1 day" if value == 1 else f"{_count(value)} days"


def _bytes(value: float) -> str:
    for size, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if abs(value) >= size:
            return f"{_trim(value / size, 1)} {unit}"
    return f"{_fixed(value, 0)} B"


_NUMBERS = {
    "count": _count,
    "tokens": _compact,
    "usd": _usd,
    "percent": _percent,
    "duration": _duration,
    "days": _days,
    "bytes": _bytes,
}
