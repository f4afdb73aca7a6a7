"""Which backups are kept: the newest of so many days, weeks and months. Parts that no backup needs are deleted.

Of each source the backup with the most lines is kept as well: a store that has lost lines must not cost their backup.
Lines that were forgotten on request do not count as lost.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from common.settings import Settings
from vault.manifest import LINES, Backup, backup_names, readable_backups
from vault.places import PARTS, Place

_ABANDONED = timedelta(days=1)
"""In a bucket, which has no lock, a part that no backup needs may belong to one under way while it is younger."""


@dataclass(frozen=True)
class Retention:
    """How many days, weeks and months keep a backup: the last one made in each."""

    daily: int
    weekly: int
    monthly: int
    timezone: str = "UTC"

    @classmethod
    def of(cls, settings: Settings) -> "Retention":
        """As the settings say."""
        kept = settings.backup_keep_daily, settings.backup_keep_weekly, settings.backup_keep_monthly
        return cls(*kept, settings.timezone)

    def kept(self, backups: Iterable[Backup]) -> set[str]:
        """Return the names of the backups to keep; each source is looked at by itself."""
        by_source: dict[str, list[Backup]] = {}
        for backup in sorted(backups, key=lambda backup: backup.manifest.created_at, reverse=True):
            by_source.setdefault(backup.manifest.source, []).append(backup)
        return {name for newest_first in by_source.values() for name in self._kept_of(newest_first)}

    def _kept_of(self, newest_first: list[Backup]) -> set[str]:
        names = {max(newest_first, key=_worth).name}
        for period, most in ((_day, self.daily), (_week, self.weekly), (_month, self.monthly)):
            seen: dict[str, str] = {}
            for backup in newest_first:
                local = backup.manifest.created_at.astimezone(ZoneInfo(self.timezone))
                seen.setdefault(period(local), backup.name)
            names |= set(list(seen.values())[:most])
        return names


def _worth(backup: Backup) -> tuple[int, int]:
    """Return what a backup is compared by: what was forgotten before it was made, then its lines."""
    return len(backup.manifest.forgets), backup.manifest.count(LINES)


def _day(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d")


def _week(moment: datetime) -> str:
    return moment.strftime("%G-%V")


def _month(moment: datetime) -> str:
    return moment.strftime("%Y-%m")


def prune(place: Place, retention: Retention, keep: Backup) -> int:
    """Delete the backups that are not kept, then parts that none needs; return how many backups they were.

    A backup that cannot be read stays, and so do all parts then: nobody knows which are its own.
    """
    backups = list(readable_backups(place))
    kept = retention.kept(backups) | {keep.name}
    surplus = [backup for backup in backups if backup.name not in kept]
    for backup in surplus:
        place.delete(backup.name)
    if len(backups) == len(backup_names(place)) + len(surplus):
        needed = {part.name for backup in backups if backup.name in kept for part in backup.manifest.parts}
        _delete_parts(place, needed)
    return len(surplus)


def delete_backups(place: Place, surplus: Iterable[Backup]) -> int:
    """Delete these backups and the parts that no other needs; return how many they were."""
    names = {backup.name for backup in surplus}
    for name in names:
        place.delete(name)
    left = list(readable_backups(place))
    if len(left) == len(backup_names(place)):
        _delete_parts(place, {part.name for backup in left for part in backup.manifest.parts})
    return len(names)


def _delete_parts(place: Place, needed: set[str]) -> None:
    before = datetime.now(UTC) - (timedelta(0) if place.is_locked else _ABANDONED)
    for name, about in place.list(PARTS).items():
        if name not in needed and (place.is_locked or about.modified_at < before):
            place.delete(name)
