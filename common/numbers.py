"""Formats numbers for people, the same on every page and in the terminal."""

from decimal import ROUND_HALF_UP, Decimal


def _fixed(value: float, digits: int) -> str:
    # Half away from zero, as browsers do; Python's own formatting rounds a tie to even.
    return f"{Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP):,}"


def _trim(value: float, digits: int) -> str:
    text = _fixed(value, digits)
    trimmed = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if trimmed == "-0" else trimmed


def count(value: float) -> str:
    """Return a count: 1,234 or 12.5."""
    return _trim(value, 0 if value == int(value) else 1)


def counted(value: float, noun: str) -> str:
    """Return a count with its noun: 1 session, 1,234 sessions."""
    return f"{count(value)} {noun}" + ("" if value == 1 else "s")


def compact(value: float) -> str:
    """Return a number of tokens: 1.2 M."""
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if abs(value) >= size * 0.9995:
            scaled = value / size
            return f"{_trim(scaled, 0 if abs(scaled) >= 99.95 else 1)} {unit}"
    return _trim(value, 0)


def usd(value: float) -> str:
    """Return US dollars: $1,234, $12.34, <$0.001."""
    sign = "-" if value < 0 else ""
    size = abs(value)
    if 0 < size < 0.01:
        return f"{sign}${_fixed(size, 3)}" if size >= 0.001 else f"{sign}<$0.001"
    return f"{sign}${_fixed(size, 0 if size >= 1000 else 2)}"


def amount(value: float) -> str:
    """Return an amount of money to the cent, for columns with a sum: 1,234.50."""
    return _fixed(value, 2)


def percent(value: float) -> str:
    """Return a share as a percentage: 12.5 %."""
    # Never "0 %" for more than nothing, nor "100 %" for less than everything.
    if 0 < value < 0.0005:
        return "<0.1 %"
    return ">99.9 %" if 0.9995 <= value < 1 else f"{_trim(value * 100, 1)} %"


def duration(milliseconds: float) -> str:
    """Return a duration given in milliseconds: 12.3 s, 5 min 50 s, 2 h 05 min, 2 d 7 h."""
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


def days(value: float) -> str:
    """Return a number of days: 1 day, 12 days."""
    return "1 day" if value == 1 else f"{count(value)} days"


def size(value: float) -> str:
    """Return a size given in bytes: 2.4 MiB."""
    for least, unit in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if abs(value) >= least:
            return f"{_trim(value / least, 1)} {unit}"
    return f"{_fixed(value, 0)} B"
