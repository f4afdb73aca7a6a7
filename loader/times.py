"""Parses moments in every form that occurs in transcripts.

Text: ISO 8601 with a T, t or space between date and time; seconds and decimals (comma or dot, any number of digits) may
be missing, the time of day too; the zone is Z, +02:00, +0200 or +02, and UTC where none is given.
Numbers, also as text: time since 1970 in seconds, milliseconds, microseconds or nanoseconds. The unit is the one that
gives a year from 2000 to 2099: the four ranges do not overlap.
"""

import math
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

_ISO = re.compile(
    r"(?P<year>[+-]?\d{4,6})[-/](?P<month>\d{1,2})[-/](?P<day>\d{1,2})"
    r"(?:[Tt ]\s*(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<decimals>\d*))?)?)?"
    r"\s*(?:[Zz]|UTC|(?P<sign>[+-])(?P<off_hours>\d{2})(?::?(?P<off_minutes>\d{2}))?)?(?P<bc>\s*\(BC\).*)?",
    re.ASCII,
)
_NUMBER = re.compile(r"[+-]?\d{1,30}(?:[.,]\d{0,30})?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_CANONICAL = len("2026-01-02T03:04:05.678Z")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FROM, _TO = 946_684_800, 4_102_444_800
"""2000-01-01 and 2100-01-01 in seconds since 1970."""
_PER_SECOND = (1, 10**3, 10**6, 10**9)
EARLIEST, LATEST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
"""A moment outside would overflow in another timezone, and fits no date key."""


class NotATime(ValueError):
    """The value is not a moment."""


class YearOutOfRange(ValueError):
    """The value is a moment in a year outside datetime's range."""


def parse_time(value: Any) -> datetime:
    """Return a transcript's value as a moment in UTC.

    Raises NotATime or YearOutOfRange for an unusable value.
    """
    if isinstance(value, str):
        return _in_range(_from_text(value))
    if isinstance(value, dict) and "$date" in value:  # MongoDB's extended JSON
        inner = value["$date"]
        return parse_time(inner.get("$numberLong") if isinstance(inner, dict) else inner)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _from_number(value)
    raise NotATime


def _from_text(text: str) -> datetime:
    if len(text) == _CANONICAL and text[-1] == "Z" and text[10] == "T":
        with suppress(ValueError):  # not canonical: parsed or rejected below
            return datetime.fromisoformat(text)
    text = text.strip() if len(text) < 100 else ""
    if found := _ISO.fullmatch(text):
        return _from_parts(found)
    if _NUMBER.fullmatch(text):
        return _from_number(int(text) if text.lstrip("+-").isdigit() else float(text.replace(",", ".")))
    raise NotATime


def _from_parts(found: re.Match[str]) -> datetime:
    year = int(found["year"])
    if found["bc"] or not 1 <= year <= 9999:
        raise YearOutOfRange
    micros = int((found["decimals"] or "0")[:6].ljust(6, "0"))
    month, day = int(found["month"]), int(found["day"])
    hour, minute, second = (int(found[name] or 0) for name in ("hour", "minute", "second"))
    try:
        moment = datetime(year, month, day, hour, minute, second, micros, tzinfo=UTC)
    except ValueError:
        raise NotATime from None
    offset = timedelta(hours=int(found["off_hours"] or 0), minutes=int(found["off_minutes"] or 0))
    try:
        return moment + offset if found["sign"] == "-" else moment - offset
    except OverflowError:
        raise YearOutOfRange from None


def _from_number(number: float) -> datetime:
    if not math.isfinite(number):
        raise NotATime
    for unit in _PER_SECOND:
        if _FROM * unit <= number < _TO * unit:
            is_exact = isinstance(number, int)
            return _EPOCH + timedelta(microseconds=number * 10**6 // unit if is_exact else round(number * 10**6 / unit))
    raise YearOutOfRange


def _in_range(moment: datetime) -> datetime:
    if not EARLIEST <= moment <= LATEST:
        raise YearOutOfRange
    return moment
