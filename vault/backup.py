"""Makes a backup while everything runs: a manifest lists its parts, and is written after all of them."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from common import VERSION, numbers
from common.loader_results import BackedUp
from common.settings import Settings, SettingsError
from records import RecordStore, open_store
from vault.files import FileSources
from vault.manifest import LINES, Backup, Manifest, Part, readable_backups, write_manifest
from vault.places import PARTS, README, Place, open_place
from vault.readme import README_TEXT
from vault.record_parts import record_parts
from vault.retention import Retention, prune
from vault.seal import Seal, seal_of
from vault.writing import PartWriter

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class BackupResult:
    """The result of a backup."""

    backup: Backup
    deleted: int
    """Older backups deleted by the retention."""
    seconds: float

    def backed_up(self) -> BackedUp:
        """Return the result for the history of runs."""
        manifest = self.backup.manifest
        sizes = {"size": manifest.bytes, "new_size": manifest.new_bytes}
        return BackedUp(message=self.describe(), rows=manifest.count(LINES), **sizes)

    def describe(self) -> str:
        """Say in one line what was done."""
        manifest = self.backup.manifest
        lines, size, new = manifest.count(LINES), numbers.size(manifest.bytes), numbers.size(manifest.new_bytes)
        gone = f", {self.deleted} older ones deleted" if self.deleted else ""
        return f"Backup {self.backup.id}: {lines:,} lines, {size}, {new} of it new, in {self.seconds:.1f} s{gone}"


def back_up(
    store: RecordStore,
    files: FileSources,
    place: Place,
    make_seal: Callable[[], Seal],
    retention: Retention,
    *,
    full: bool = False,
    progress: Progress | None = None,
) -> BackupResult:
    """Write a backup to the place, then delete those that the retention no longer keeps.

    `full` reuses nothing of earlier backups and rewrites each part, which repairs damaged ones.

    The pipeline and the collector continue: the record store is read as of one moment (SQLite), or in an order in which
    every counted line is present (MongoDB). Raises BusyError if another backup is being written there.
    """
    started = time.monotonic()
    with place.lock():
        writer = _writer(store, files, place, make_seal())
        if full:
            writer.previous, writer.kept = None, {}
        with store.snapshot():
            forgets = tuple(request.id for request in store.forget_requests() if request.finished_at)
            if writer.previous and set(forgets) - set(writer.previous.forgets):
                writer.previous = None  # its parts may contain forgotten lines, whatever their counts
            parts = list(_watched(record_parts(store, writer), progress))
        parts += [part for name, pieces in files.files() for part in writer.file(name, pieces)]
        manifest = Manifest(
            program=VERSION,
            created_at=datetime.now(UTC),
            seconds=round(time.monotonic() - started, 3),
            source=source_of(store, files.settings),
            new_bytes=writer.new_bytes,
            forgets=forgets,
            parts=tuple(parts),
        )
        backup = write_manifest(place, manifest)
        deleted = prune(place, retention, keep=backup)
    return BackupResult(backup, deleted, time.monotonic() - started)


def backup_place(settings: Settings, where: str | None = None) -> Place:
    """Return the given place of backups, or BACKUP_TO's."""
    named = where or settings.backup_to
    if not named:
        raise SettingsError("BACKUP_TO: expected a folder or s3://BUCKET/PREFIX, found nothing; set it or pass --to")
    return open_place(named, settings)


def make_backup(
    files: FileSources, where: str | None = None, *, full: bool = False, progress: Progress | None = None
) -> BackupResult:
    """Back up the data that cannot be rebuilt, as configured."""
    settings = files.settings
    place = backup_place(settings, where)
    with closing(open_store(settings, "claude-analytics-backup")) as store:
        seal = partial(seal_of, place, settings)
        return back_up(store, files, place, seal, Retention.of(settings), full=full, progress=progress)


def _writer(store: RecordStore, files: FileSources, place: Place, seal: Seal) -> PartWriter:
    if README not in place.list(""):
        place.put(README, README_TEXT.encode())
    source = source_of(store, files.settings)
    previous = next((backup.manifest for backup in readable_backups(place) if backup.manifest.source == source), None)
    return PartWriter(place, seal, previous, place.list(PARTS))


def _watched(parts: Iterator[Part], progress: Progress | None) -> Iterator[Part]:
    rows = 0
    for part in parts:
        rows += part.rows
        if progress:
            progress(rows, None)
        yield part


def source_of(store: RecordStore, settings: Settings) -> str:
    """Return the backup's source: parts that another machine wrote to the same place are not reused."""
    return f"{settings.host_name}: {store.name}"
