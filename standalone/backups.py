"""Backup and restore on this machine: the vault connected to stores, files and settings."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from common.errors import AnalyticsError
from common.loader_results import BackedUp
from common.settings import Settings
from records import open_store
from scheduler.pipeline_parts import Backup
from scheduler.runner import state_dir
from vault import backup
from vault.backup import BackupResult, Progress, backup_place
from vault.files import FileSources
from vault.manifest import Backup as Kept
from vault.manifest import find_backup
from vault.places import open_place
from vault.purge import made_before_forgetting, purge, tell_place
from vault.restore import Restored, restore
from vault.seal import key_of

__all__ = ["backup_of", "backup_place", "bring_back", "make_backup"]


def make_backup(
    settings: Settings, where: str | None = None, *, full: bool = False, progress: Progress | None = None
) -> BackupResult:
    """Back up the data that cannot be rebuilt."""
    files = FileSources(settings, state_dir(settings), _env_file(settings))
    return backup.make_backup(files, where, full=full, progress=progress)


def backup_of(settings: Settings) -> Backup | None:
    """Return the scheduler's backup function, or None if BACKUP_TO is not set."""
    if not settings.backup_to:
        return None

    def make(progress: Progress) -> BackedUp:
        return make_backup(settings, progress=progress).backed_up()

    return make


def backups_before_forgetting(settings: Settings, where: str | None = None) -> list[Kept]:
    """Return the backups that may contain data forgotten after they were made."""
    with closing(open_store(settings, "claude-analytics-backup")) as store:
        return made_before_forgetting(backup_place(settings, where), store, settings)


def tell_backups(settings: Settings) -> str:
    """Write the marks of what is forgotten to the place of backups, if any; return the result in a few words."""
    if not settings.backup_to:
        return ""
    try:
        with closing(open_store(settings, "claude-analytics-backup")) as store:
            tell_place(backup_place(settings), store, settings)
    except AnalyticsError as error:  # a disk that is not mounted: this machine's copies are deleted anyway
        return f"; the backup location could not be updated: {error}"
    return "; the backup location was updated"


def purge_backups(settings: Settings, where: str | None = None) -> str:
    """Make a backup without forgotten data, then delete those that contain it; return the result in one line."""
    place = backup_place(settings, where)
    if not backups_before_forgetting(settings, where):
        return f"{place.name}: no backup is older than the last request to forget"
    made = make_backup(settings, where)
    with closing(open_store(settings, "claude-analytics-backup")) as store:
        deleted = purge(place, store, settings)
    return f"{made.describe()}; {deleted} backups from before the last request to forget deleted"


def bring_back(settings: Settings, where: str, wanted: str | None, progress: Callable[[str], None]) -> Restored:
    """Restore the newest backup, or the one with this name prefix, to the configured paths."""
    place = open_place(where, settings)
    return restore(place, find_backup(place, wanted), key_of(place, settings), settings, progress)


def _env_file(settings: Settings) -> Path | None:
    """Return the file .env that the settings were read from."""
    name = settings.model_config.get("env_file")
    return Path(name).absolute() if isinstance(name, str) else None
