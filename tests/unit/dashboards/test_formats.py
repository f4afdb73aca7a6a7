"""Numbers as people read them."""

from datetime import date, datetime

import pytest

from dashboards.definitions import Column, Format
from dashboards.formats import NOTHING, show, show_cell

CASES: list[tuple[float | None, Format, str]] = [
    (0, "count", "0"),
    (12459, "count", "12,459"),
    (3.14, "count", "3.1"),
    (2.25, "count", "2.3"),
    (999, "tokens", "999"),
    (1000, "tokens", "1 K"),
    (999_600, "tokens", "1 M"),
    (1_234_567, "tokens", "1.2 M"),
    (1_678_621_425, "tokens", "1.7 B"),
    (0, "usd", "$0.00"),
    (0.004, "usd", "$0.004"),
    (0.0001, "usd", "<$0.001"),
    (12.345, "usd", "$12.35"),
    (1248.4, "usd", "$1,248"),
    (-3.5, "usd", "-$3.50"),
    (1248.4, "amount", "1,248.40"),
    (-0.125, "amount", "-0.13"),
    (0, "percent", "0 %"),
    (0.0002, "percent", "<0.1 %"),
    (0.99975, "percent", ">99.9 %"),
    (0.979, "percent", "97.9 %"),
    (1, "percent", "100 %"),
    (320, "duration", "320 ms"),
    (12_300, "duration", "12.3 s"),
    (59_970, "duration", "1 min 00 s"),
    (350_000, "duration", "5 min 50 s"),
    (7_500_000, "duration", "2 h 05 min"),
    (200_000_000, "duration", "2 d 7 h"),
    (1, "days", "1 day"),
    (9, "days", "9 days"),
    (2_500_000, "bytes", "2.4 MiB"),
    (-0.04, "count", "0"),
    (None, "count", "not recorded"),
    (None, "duration", "not recorded"),
    (None, "usd", "unknown"),
    (None, "amount", "unknown"),
    (None, "percent", NOTHING),
    (None, "text", NOTHING),
]


@pytest.mark.parametrize(("value", "format_", "shown"), CASES)
def test_a_number_is_written_for_people(value: float | None, format_: Format, shown: str) -> None:
    assert show(value, format_) == shown


def test_a_cell_that_can_hold_no_value_does_not_say_that_none_was_recorded() -> None:
    assert show_cell(None, Column(kind="number", format="duration")) == "not recorded"
    assert show_cell(None, Column(kind="number", format="duration", missing="")) == ""
    assert show_cell(320, Column(kind="number", format="duration", missing="")) == "320 ms"


def test_days_and_times_sort_as_text() -> None:
    assert show(date(2026, 3, 1), "day") == "2026-03-01"
    assert show(datetime(2026, 3, 1, 9, 5, 59), "time") == "2026-03-01 09:05"  # noqa: DTZ001  a wall clock's
