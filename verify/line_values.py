"""Parses the values of a line, as docs/loader.md says: None if unusable."""

import json
import math
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from verify.files import Json, whole

MOST = 2**53
"""The largest count that is taken."""
_64_BITS = range(-(2**63), 2**64)
_NAME_LENGTH = 4096
_NUMERAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_USUAL = re.compile(r"[12]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
_DATE = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})", re.ASCII)
_CLOCK = re.compile(r"[Tt ]\s*(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d*))?)?", re.ASCII)
_ZONE = re.compile(r"\s*(?:[Zz]|UTC|([+-])(\d\d)(?::?(\d\d))?)?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CENTURY = range(946_684_800, 4_102_444_800)
"""The years 2000 to 2099 in seconds since 1970."""
_FIRST, _LAST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)


def text(value: Any) -> str | None:
    """Return a name: a text that is not empty, or the JSON of a boolean or of a whole number of 64 bits; else None."""
    if isinstance(value, str):
        return whole(value)[:_NAME_LENGTH] or None
    return written(value) if isinstance(value, int) and value in _64_BITS else None


def written(value: Any) -> str:
    """Return a value as compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def part(line: Json, key: str) -> Json:
    """Return the object that a key of another holds, an empty one where it holds none."""
    value = line.get(key)
    return value if isinstance(value, dict) else {}


def flag(value: Any) -> bool:
    """Return whether a value means true."""
    return str(value).lower() in {"true", "t", "yes", "y", "1"} if isinstance(value, bool | int | str) else False


def count(value: Any) -> int | None:
    """Return a whole number from 0 to 2^53."""
    number = _numeral(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number <= MOST:
        return None
    return int(number) if number == int(number) else None


def _numeral(written_number: str) -> float | None:
    trimmed = written_number.strip() if len(written_number) < 1000 else ""
    if not _NUMERAL.fullmatch(trimmed):
        return None
    return int(trimmed) if re.fullmatch(r"[+-]?\d{1,25}", trimmed) else float(trimmed)


def moment(value: Any) -> int | None:
    """Return a time as microseconds since 1970."""
    if not isinstance(value, str):
        return _since_1970(value)
    if _USUAL.fullmatch(value):
        with suppress(ValueError):  # a day that no month has, say
            return microseconds(datetime.fromisoformat(value))
    trimmed = value.strip() if len(value) < 100 else ""
    if not (date := _DATE.match(trimmed)):
        return _since_1970(_numeral(trimmed.replace(",", ".")))
    at = _calendar(date, trimmed)
    return microseconds(at) if at and _FIRST <= at <= _LAST else None


def microseconds(at: datetime) -> int:
    """Return a time as microseconds since 1970."""
    between = at - _EPOCH
    return (between.days * 86_400 + between.seconds) * 10**6 + between.microseconds


def instant(at: int) -> datetime:
    """Return the time that so many microseconds since 1970 are."""
    return _EPOCH + timedelta(microseconds=at)


def _since_1970(number: Any) -> int | None:
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        return None
    for per_second in (1, 10**3, 10**6, 10**9):
        if _CENTURY.start * per_second <= number < _CENTURY.stop * per_second:
            exact = isinstance(number, int)
            return int(number) * 10**6 // per_second if exact else round(number * 10**6 / per_second)
    return None


def _calendar(date: re.Match[str], written_time: str) -> datetime | None:
    clock = _CLOCK.match(written_time, date.end())
    zone = _ZONE.fullmatch(written_time, (clock or date).end())
    if zone is None:
        return None
    year, month, day = (int(number) for number in date.groups())
    hour, minute, second = (int(number or 0) for number in clock.groups()[:3]) if clock else (0, 0, 0)
    decimals = (clock[4] if clock else None) or ""
    away = timedelta(hours=int(zone[2] or 0), minutes=int(zone[3] or 0))
    try:
        at = datetime(year, month, day, hour, minute, second, int(decimals[:6].ljust(6, "0")), tzinfo=UTC)
        return at + away if zone[1] == "-" else at - away
    except (ValueError, OverflowError):
        return None
