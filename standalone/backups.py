"""Backups of what this machine keeps, and their way back: the vault room wired to stores, files and settings."""

from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from common.settings import Settings, SettingsError
from records import open_store
from scheduler.pipeline_parts import BackedUp, Backup
from scheduler.runner import state_dir
from vault.backup import BackupResult, back_up
from vault.backup import Progress as BackupProgress
from vault.files import FileSources
from vault.manifest import LINES, find_backup
from vault.places import Place, open_place
from vault.restore import Restored, restore
from vault.retention import Retention
from vault.seal import key_of, seal_of


def backup_place(settings: Settings, where: str | None = None) -> Place:
    """Return the place of backups that is named here, or else by BACKUP_TO."""
    named = where or settings.backup_to
    if not named:
        raise SettingsError("BACKUP_TO: expected a folder or s3://BUCKET/PREFIX, found nothing; set it or pass --to")
    return open_place(named, settings)


def make_backup(
    settings: Settings, where: str | None = None, *, full: bool = False, progress: BackupProgress | None = None
) -> BackupResult:
    """Back up everything that cannot be made again from something else."""
    place = backup_place(settings, where)
    files = FileSources(settings, state_dir(settings), _env_file(settings))
    with closing(open_store(settings, "claude-analytics-backup")) as store:
        seal = partial(seal_of, place, settings)
        return back_up(store, files, place, seal, Retention.of(settings), full=full, progress=progress)


def backup_of(settings: Settings) -> Backup | None:
    """Return what makes the scheduler's backups, or None where BACKUP_TO names no place."""
    if not settings.backup_to:
        return None

    def make(progress: BackupProgress) -> BackedUp:
        return backed_up(make_backup(settings, progress=progress))

    return make


def backed_up(result: BackupResult) -> BackedUp:
    """Return what the history keeps of a backup."""
    manifest = result.backup.manifest
    return BackedUp(result.describe(), manifest.count(LINES), manifest.bytes, manifest.new_bytes)


def bring_back(settings: Settings, where: str, wanted: str | None, progress: Callable[[str], None]) -> Restored:
    """Restore a backup, the newest or the one whose name begins so, to where the settings keep everything."""
    place = open_place(where, settings)
    return restore(place, find_backup(place, wanted), key_of(place, settings), settings, progress)


def _env_file(settings: Settings) -> Path | None:
    """Return the file .env that the settings were read from."""
    name = settings.model_config.get("env_file")
    return Path(name).absolute() if isinstance(name, str) else None
