"""Which backups the retention keeps."""

from datetime import UTC, datetime, timedelta

from vault.manifest import LINES, Backup, Manifest, Part
from vault.retention import Retention

NOW = datetime(2026, 6, 30, 3, tzinfo=UTC)


def backup(
    name: str, age: timedelta, *, lines: int = 1, source: str = "laptop", forgets: tuple[str, ...] = ()
) -> Backup:
    part = Part(kind=LINES, name="p", sha256="", bytes=1, content_bytes=1, rows=lines)
    manifest = Manifest(
        program="0", created_at=NOW - age, seconds=1, source=source, new_bytes=0, parts=(part,), forgets=forgets
    )
    return Backup(name=name, manifest=manifest)


def test_the_newest_of_each_day_week_and_month_is_kept() -> None:
    daily = [backup(f"day-{days}", timedelta(days=days)) for days in range(400)]
    kept = Retention(daily=3, weekly=2, monthly=2).kept(daily)
    # days 0 and 1 are of this week, which begins on day 1; day 2 is the last of the week before
    assert kept == {"day-0", "day-1", "day-2", "day-30"}


def test_of_several_on_one_day_the_newest_is_kept() -> None:
    today = [backup(f"{minutes}", timedelta(minutes=minutes)) for minutes in (0, 10, 20)]
    assert Retention(daily=7, weekly=5, monthly=12).kept(today) == {"0"}


def test_days_are_those_of_the_timezone() -> None:
    late = [backup("today", timedelta(0)), backup("before-midnight", timedelta(hours=4))]
    assert Retention(7, 0, 0).kept(late) == {"today", "before-midnight"}
    assert Retention(7, 0, 0, "Asia/Tokyo").kept(late) == {"today"}


def test_the_one_with_the_most_lines_stays_whatever_its_age() -> None:
    made = [backup("new", timedelta(0), lines=3), backup("old", timedelta(days=3000), lines=9)]
    assert Retention(1, 0, 0).kept(made) == {"new", "old"}


def test_lines_that_were_forgotten_keep_no_backup() -> None:
    made = [
        backup("new", timedelta(0), lines=3, forgets=("a",)),
        backup("since", timedelta(days=10), lines=5, forgets=("a",)),
        backup("before", timedelta(days=3000), lines=9),
    ]
    assert Retention(1, 0, 0).kept(made) == {"new", "since"}


def test_sources_do_not_count_for_each_other() -> None:
    made = [backup("new", timedelta(0), source="a"), backup("older", timedelta(minutes=1), source="b")]
    assert Retention(1, 0, 0).kept(made) == {"new", "older"}
