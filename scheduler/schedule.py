"""Parses a schedule setting: cron (`0 * * * *`), an interval (`30m`), or `off`."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from common.errors import UsageError

_INTERVAL = re.compile(r"(?P<count>[1-9]\d*)\s*(?P<unit>[smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NUMBERED = re.compile(r"(?:\*|(?P<first>[0-7])(?:-(?P<last>[0-7]))?)(?:/(?P<step>[1-9]))?")


class ScheduleError(UsageError):
    """A schedule setting cannot be read; the message names the setting and what would be valid."""


class Schedule:
    """When a job is due, in one timezone."""

    def __init__(self, setting: str, text: str, timezone: str) -> None:
        self.text = text.strip()
        zone = ZoneInfo(timezone)
        self.trigger = _trigger(setting, self.text, zone)

    @property
    def is_off(self) -> bool:
        """Whether the job never runs automatically."""
        return self.trigger is None

    def next_after(self, moment: datetime) -> datetime | None:
        """Return the first due time after a moment, in UTC: wall clocks are ambiguous in autumn's repeated hour."""
        if self.trigger is None:
            return None
        # the trigger may return the moment itself, which is not after it
        due: datetime | None = self.trigger.get_next_fire_time(moment, moment + timedelta(microseconds=1))
        return due.astimezone(UTC) if due else None

    def between(self, after: datetime, before: datetime) -> Iterator[datetime]:
        """The due times strictly between two moments."""
        due = self.next_after(after)
        while due is not None and due < before:
            yield due
            due = self.next_after(due)


class _Cron(BaseTrigger):  # type: ignore[misc] # APScheduler ships no types
    """Cron in UTC steps. APScheduler's own trigger repeats the same hour endlessly when clocks go back in autumn.

    It compares wall clocks, which cannot distinguish the hour's second pass from its first; without a previous time it
    does not compare.
    """

    def __init__(self, text: str, zone: ZoneInfo) -> None:
        fields = text.split()
        fields[4:] = [_named(weekdays) for weekdays in fields[4:]]
        self._cron, self._zone = CronTrigger.from_crontab(" ".join(fields), timezone=zone), zone

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """Return the first due time after the previous one, or from now on."""
        start = now if previous_fire_time is None else previous_fire_time.astimezone(UTC) + timedelta(microseconds=1)
        due: datetime | None = self._cron.get_next_fire_time(None, start.astimezone(self._zone))
        return due


def _named(weekdays: str) -> str:
    """Return cron's weekday numbers, Sunday 0 or 7, as names: APScheduler counts from Monday."""
    return ",".join(_named_part(part) for part in weekdays.split(","))


def _named_part(part: str) -> str:
    found = _NUMBERED.fullmatch(part)
    if found is None or part == "*":
        return part
    first, is_one_day = int(found["first"] or 0), found["first"] and not found["step"]
    last = int(found["last"] or (first if is_one_day else 6))
    days = _WEEKDAYS[first : last + 1 : int(found["step"] or 1)]
    if not days:
        raise ValueError(f"{part}: no weekday is between")
    return ",".join(days)


def _trigger(setting: str, text: str, zone: ZoneInfo) -> Any:
    if text.lower() == "off":
        return None
    if found := _INTERVAL.fullmatch(text):
        return IntervalTrigger(**{_UNITS[found["unit"]]: int(found["count"])}, timezone=zone)
    try:
        return _Cron(text, zone)
    except ValueError as error:
        raise ScheduleError(
            f"{setting}: expected five cron fields such as '0 * * * *', an interval such as 30m, or off;"
            f" found {text!r} ({error})"
        ) from None
