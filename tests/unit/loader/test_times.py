"""A moment is a moment, however it is written; text that is not one is told apart from one outside the calendar."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loader.times import EARLIEST, LATEST, NotATime, YearOutOfRange, parse_time

TEN = datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "2026-03-02T10:00:00.000Z",
        "2026-03-02T10:00:00Z",
        "2026-03-02T10:00:00,000Z",
        "2026-03-02T10:00:00.0000000000000Z",
        "2026-03-02T10:00Z",
        "2026-03-02T10:00",
        "2026-03-02t10:00:00z",
        "2026-03-02 10:00:00",
        " 2026-03-02 10:00:00 UTC ",
        "2026-03-02T12:00:00+02:00",
        "2026-03-02T12:00:00+0200",
        "2026-03-02T12:00:00.0+02",
        "2026-03-02T04:30:00-05:30",
        1772445600,
        1772445600.0,
        "1772445600",
        1772445600000,
        "1772445600000",
        "1772445600000.0",
        1772445600000000,
        1772445600000000000,
        "1772445600,0",
        {"$date": "2026-03-02T10:00:00Z"},
        {"$date": {"$numberLong": "1772445600000"}},
    ],
)
def test_every_form_means_the_same_moment(written: Any) -> None:
    assert parse_time(written) == TEN


@pytest.mark.parametrize(
    ("written", "microsecond"),
    [
        ("2026-03-02T10:00:00.1Z", 100_000),
        ("2026-03-02T10:00:00,123456789+00:00", 123_456),
        (1772445600123, 123_000),
        (1772445600.5, 500_000),
        (1772445600123456, 123_456),
        (1772445600123456999, 123_456),
        ("1772445600123456999", 123_456),
    ],
)
def test_decimals_are_kept_to_the_microsecond(written: Any, microsecond: int) -> None:
    assert parse_time(written) == TEN.replace(microsecond=microsecond)


def test_a_date_alone_is_its_midnight() -> None:
    assert parse_time("2026-03-02") == datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    ["yesterday", "", "2026-13-01", "2026-02-30T10:00:00Z", "infinity", float("nan"), True, [], {}, {"$date": None}],
)
def test_what_is_no_time_is_said_to_be_none(written: Any) -> None:
    with pytest.raises(NotATime):
        parse_time(written)


@pytest.mark.parametrize(
    "written",
    [
        0,
        -1,
        5e30,
        "12",
        "0001-01-01",
        "9999-12-31T00:00:00Z",
        "0044-03-15 (BC) 12:00:00",
        "294247-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:00",
    ],
)
def test_a_year_that_no_figure_can_use_is_told_apart(written: Any) -> None:
    with pytest.raises(YearOutOfRange):
        parse_time(written)


@given(st.integers(946_684_800, 4_102_444_799))
def test_seconds_and_finer_units_are_told_apart_by_their_size(seconds: int) -> None:
    moment = datetime.fromtimestamp(seconds, UTC)
    for unit in (1, 10**3, 10**6, 10**9):
        assert parse_time(seconds * unit) == parse_time(str(seconds * unit)) == moment


@given(st.text() | st.from_regex(r"[-+0-9TZ:., eE/]{1,40}") | st.integers() | st.floats())
def test_any_value_is_a_time_in_range_or_refused(written: Any) -> None:
    try:
        assert EARLIEST <= parse_time(written) <= LATEST
    except NotATime:
        assert not isinstance(written, int)
    except YearOutOfRange:
        assert isinstance(written, int | float) or any(character.isdigit() for character in written)
