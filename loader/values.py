"""Checks the values of a line on input: an unusable value becomes None and is recorded with its kind.

None itself means "not recorded" and is not a rejected value.
"""

import math
import re
from datetime import datetime
from typing import Any, Literal, NamedTuple

from loader.cut import text_of
from loader.times import NotATime, YearOutOfRange, parse_time

Kind = Literal[
    "negative",
    "fractional",
    "beyond 2^53",
    "too large",
    "not a number",
    "not a time",
    "year out of range",
    "not a boolean",
]

LARGEST_COUNT = 2**53
"""Above it a double, and so JSON in most programs, is not exact."""
LARGEST_INTEGER = 2**31 - 1
LARGEST_MONEY = 1e9
FOUND_LENGTH = 80
REJECTED_PER_DOCUMENT = 1_000
"""The most rejected values to record of one line: it may have a hundred thousand blocks, each with a wrong value."""

_NUMBER = re.compile(r"[+-]?(?:\d{1,400}(?:\.\d{0,400})?|\.\d{1,400})(?:[eE][+-]?\d{1,4})?", re.ASCII)
_BOOLEANS = dict.fromkeys(("true", "t", "yes", "y", "1"), True) | dict.fromkeys(("false", "f", "no", "n", "0"), False)


class RejectedValue(NamedTuple):
    """One unusable value, as a row of raw.rejected_values."""

    document_id: str
    field: str
    kind: Kind
    found: str | None


class Checker:
    """Checks values of one document after another, and collects the rejected ones."""

    def __init__(self) -> None:
        self.rejected: list[RejectedValue] = []
        self._document_id = ""
        self._start = 0

    def begin(self, document_id: str) -> None:
        """Start checking values of this document."""
        self._document_id, self._start = document_id, len(self.rejected)

    def forget(self) -> None:
        """Drop the rejected values of the current document."""
        del self.rejected[self._start :]

    def reject(self, field: str, kind: Kind, value: Any) -> None:
        """Record an unusable value."""
        if len(self.rejected) - self._start < REJECTED_PER_DOCUMENT:
            found = text_of(value, FOUND_LENGTH)
            self.rejected.append(RejectedValue(self._document_id, field, kind, found))

    def count(self, field: str, value: Any, largest: int = LARGEST_COUNT) -> int | None:
        """Return a whole number from 0 to `largest`, also from text."""
        if value is None or (type(value) is int and 0 <= value <= largest):
            return value
        number = self._amount(field, value, largest)
        if number is not None and number != int(number):
            self.reject(field, "fractional", value)
            return None
        return None if number is None else int(number)

    def amount(self, field: str, value: Any, largest: float = LARGEST_COUNT) -> float | None:
        """Return a number from 0 to `largest`, also from text."""
        return None if value is None else self._amount(field, value, largest)

    def money(self, field: str, value: Any) -> float | None:
        """Return USD: a number from 0 to LARGEST_MONEY."""
        usd = self.amount(field, value, LARGEST_MONEY)
        return None if usd is None else float(usd)

    def _amount(self, field: str, value: Any, largest: float) -> float | None:
        number = _number(value)
        if number is None:
            self.reject(field, "not a number", value)
        elif number < 0:
            self.reject(field, "negative", value)
        elif number > largest:
            self.reject(field, "beyond 2^53" if number > LARGEST_COUNT else "too large", value)
        else:
            return number
        return None

    def flag(self, field: str, value: Any) -> bool | None:
        """Return a boolean, also from equivalent text and numbers."""
        if value is None or value is True or value is False:
            return value
        known = _BOOLEANS.get(text_of(value, 10).lower()) if isinstance(value, str | int) else None
        if known is None:
            self.reject(field, "not a boolean", value)
        return known

    def time(self, field: str, value: Any) -> datetime | None:
        """Return a moment in UTC."""
        if value is None:
            return None
        try:
            return parse_time(value)
        except NotATime:
            self.reject(field, "not a time", value)
        except YearOutOfRange:
            self.reject(field, "year out of range", value)
        return None


def _number(value: Any) -> float | None:
    """Return a value as a finite number, also from text."""
    if isinstance(value, str):
        value = value.strip() if len(value) < 1000 else ""
        if not _NUMBER.fullmatch(value):
            return None
        value = int(value) if value.lstrip("+-").isdigit() else float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if isinstance(value, int) or math.isfinite(value) else None
