"""Exchange rates from the setting CURRENCY_RATES: US dollars for one unit, each from a day on."""

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

FIRST_DAY = date(1970, 1, 1)
"""The start of a rate without a day."""
_SHAPE = 'expected JSON such as {"EUR": 1.08} or {"EUR": {"2026-01-01": 1.08, "2026-07-01": 1.1}}'


class Rate(NamedTuple):
    """US dollars for one unit of a currency, from a day on until the next rate."""

    currency: str
    valid_from: date
    usd_rate: Decimal


def currency_code(text: Any) -> str:
    """Return a currency code in capitals. Raises ValueError if it is not a currency code."""
    code = text.strip().upper() if isinstance(text, str) else ""
    if len(code) != 3 or not code.isascii() or not code.isalpha():
        raise ValueError("expected the three letters of a currency, such as EUR")
    return code


def parse_rates(value: Any) -> tuple[Rate, ...]:
    """Read the setting. Raises ValueError that says what is expected."""
    if isinstance(value, str):
        try:
            value = json.loads(value, parse_float=Decimal) if value.strip() else {}
        except ValueError:
            raise ValueError(_SHAPE) from None
    if isinstance(value, tuple):
        return value
    if not isinstance(value, dict):
        raise ValueError(_SHAPE)  # noqa: TRY004 (pydantic makes one line of a ValueError)
    return tuple(rate for code, said in sorted(value.items()) for rate in _rates(currency_code(code), said))


def rate_on(rates: tuple[Rate, ...], currency: str, day: date) -> Rate | None:
    """Return the rate of a currency on a day, or None if none is known."""
    if currency == "USD":
        return Rate("USD", FIRST_DAY, Decimal(1))
    known = [rate for rate in rates if rate.currency == currency and rate.valid_from <= day]
    return max(known, key=lambda rate: rate.valid_from, default=None)


def _rates(code: str, said: Any) -> Iterator[Rate]:
    dated = said if isinstance(said, dict) else {FIRST_DAY.isoformat(): said}
    if code == "USD":
        raise ValueError("USD has no rate: every cost is in US dollars; leave it out")
    for day, rate in sorted(dated.items()):
        try:
            yield Rate(code, date.fromisoformat(day), _positive(rate))
        except (ValueError, InvalidOperation):
            raise ValueError(f"{_SHAPE}; {code} has {day}: {rate}") from None


def _positive(value: Any) -> Decimal:
    rate = Decimal(str(value))
    if isinstance(value, bool) or not rate.is_finite() or not 0 < rate < 10**9 or round(rate, 10) == 0:
        raise ValueError
    return round(rate, 10)
