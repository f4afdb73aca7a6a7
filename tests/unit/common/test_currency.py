"""CURRENCY_RATES: what it may say, and that a rate which is missing is never 1."""

from datetime import date
from decimal import Decimal

import pytest

from common.currency import FIRST_DAY, parse_rates, rate_on
from common.settings import SettingsError, load_settings


def test_rates_hold_from_their_day_on() -> None:
    rates = parse_rates('{"eur": {"2026-07-01": 1.1, "2026-01-01": 1.08}, "CHF": 1.2}')
    assert [(rate.currency, rate.valid_from, rate.usd_rate) for rate in rates] == [
        ("CHF", FIRST_DAY, Decimal("1.2")),
        ("EUR", date(2026, 1, 1), Decimal("1.08")),
        ("EUR", date(2026, 7, 1), Decimal("1.1")),
    ]
    found = {day: rate_on(rates, "EUR", date.fromisoformat(day)) for day in ("2025-12-31", "2026-06-30", "2026-07-01")}
    assert {day: rate and rate.usd_rate for day, rate in found.items()} == {
        "2025-12-31": None,
        "2026-06-30": Decimal("1.08"),
        "2026-07-01": Decimal("1.1"),
    }
    assert rate_on(rates, "GBP", date(2026, 7, 1)) is None


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CURRENCY_RATES", "EUR=1.08", "CURRENCY_RATES: expected JSON such as"),
        ("CURRENCY_RATES", "[1]", "CURRENCY_RATES: expected JSON such as"),
        ("CURRENCY_RATES", '{"EUR": 0}', "EUR has 1970-01-01: 0"),
        ("CURRENCY_RATES", '{"EUR": {"July": 1.1}}', "EUR has July: 1.1"),
        ("CURRENCY_RATES", '{"EUR": {"2026-07-01": "x"}}', "EUR has 2026-07-01: x"),
        ("CURRENCY_RATES", '{"USD": 1}', "USD has no rate"),
        ("CURRENCY_RATES", '{"EURO": 1}', "expected the three letters of a currency"),
        ("CURRENCY", "Euro", "CURRENCY: expected the three letters of a currency"),
    ],
)
def test_a_wrong_setting_is_one_line(name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
