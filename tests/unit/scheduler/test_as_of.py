"""The moment that figures are built as of."""

from datetime import UTC, datetime

import pytest

from common.errors import UsageError
from scheduler.as_of import read_moment

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment", "name"),
    [
        ("2026-10-01", datetime(2026, 10, 1, 21, 59, 59, 999999, UTC), "2026-10-01"),
        ("2026-10-25", datetime(2026, 10, 25, 22, 59, 59, 999999, UTC), "2026-10-25"),  # summer time ends
        ("2026-10-01T08:30", datetime(2026, 10, 1, 6, 30, tzinfo=UTC), "2026-10-01T063000Z"),
        ("2026-10-01T08:30:00+00:00", datetime(2026, 10, 1, 8, 30, tzinfo=UTC), "2026-10-01T083000Z"),
    ],
)
def test_a_day_is_its_end_and_a_time_is_itself(text: str, moment: datetime, name: str) -> None:
    read = read_moment(text, "Europe/Berlin", NOW)
    assert (read.at, read.name) == (moment, name)


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-13-01", "2026-11-26", "2027-01-01T00:00:00Z", "9999-12-31", "../etc"]
)
def test_what_is_no_moment_that_has_passed_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected a day as YYYY-MM-DD or a time in ISO 8601"):
        read_moment(text, "Europe/Berlin", NOW)
