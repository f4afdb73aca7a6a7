"""Amounts of money as people read them, in any currency."""

from common.numbers import usd


def money(value: float, currency: str) -> str:
    """Return an amount: $12.34, or 1,234.50 EUR."""
    return usd(value) if currency == "USD" else f"{value:,.2f} {currency}"
