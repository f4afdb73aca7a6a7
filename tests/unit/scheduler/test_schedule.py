"""Schedules: what a setting means, also on the days when the clocks change."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from scheduler.schedule import Schedule, ScheduleError

BERLIN = ZoneInfo("Europe/Berlin")


def due(text: str, start: datetime, end: datetime) -> list[datetime]:
    schedule = Schedule("SCHEDULE", text, "Europe/Berlin")
    return [moment.astimezone(UTC) for moment in schedule.between(start, end)]


@pytest.mark.parametrize(
    ("day", "hours"),
    [((2026, 3, 29), 23), ((2026, 10, 25), 25), ((2026, 6, 1), 24)],
    ids=["spring", "autumn", "summer"],
)
def test_an_hourly_schedule_is_due_once_in_every_hour_that_passes(day: tuple[int, int, int], hours: int) -> None:
    midnight = datetime(*day, tzinfo=BERLIN)
    start = midnight.astimezone(UTC) - timedelta(seconds=1)
    end = (midnight + timedelta(days=1)).astimezone(UTC)  # wall-clock arithmetic: the next local midnight
    found = due("0 * * * *", start, end)
    assert len(found) == hours
    assert {later - earlier for earlier, later in pairwise(found)} == {timedelta(hours=1)}


def test_a_daily_schedule_keeps_its_local_hour_when_the_clocks_change() -> None:
    found = due("30 3 * * *", datetime(2026, 3, 27, tzinfo=UTC), datetime(2026, 3, 31, tzinfo=UTC))
    assert [moment.astimezone(BERLIN).strftime("%d %H:%M") for moment in found] == [
        "27 03:30",
        "28 03:30",
        "29 03:30",
        "30 03:30",
    ]


@pytest.mark.parametrize(
    ("weekdays", "days"),
    [
        ("0", "Sun"),
        ("7", "Sun"),
        ("1-5", "Mon Tue Wed Thu Fri"),
        ("0-2", "Mon Tue Sun"),
        ("5-7", "Fri Sat Sun"),
        ("*/2", "Tue Thu Sat Sun"),
        ("1,thu", "Mon Thu"),
        ("mon-wed", "Mon Tue Wed"),
        ("*", "Mon Tue Wed Thu Fri Sat Sun"),
    ],
)
def test_weekdays_are_crons_own_from_sunday_0_to_sunday_7(weekdays: str, days: str) -> None:
    found = due(f"0 3 * * {weekdays}", datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 6, 8, tzinfo=UTC))
    assert " ".join(moment.strftime("%a") for moment in found) == days


def test_an_interval_counts_from_where_it_started() -> None:
    start = datetime(2026, 5, 1, 10, 0, tzinfo=UTC)
    assert due("30m", start, start + timedelta(hours=1, minutes=1)) == [
        start + timedelta(minutes=30),
        start + timedelta(hours=1),
    ]


def test_off_is_never_due() -> None:
    schedule = Schedule("SCHEDULE", "off", "UTC")
    assert schedule.is_off
    assert schedule.next_after(datetime.now(UTC)) is None


@pytest.mark.parametrize("text", ["hourly", "0 * * *", "0m", "61 * * * *", "0 3 * * 8", "0 3 * * 6-1", ""])
def test_a_schedule_that_cannot_be_read_is_refused_with_what_would_do(text: str) -> None:
    with pytest.raises(ScheduleError, match=r"SCHEDULE: expected five cron fields .* found "):
        Schedule("SCHEDULE", text, "UTC")
