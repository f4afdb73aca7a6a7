"""Backups that contain data forgotten later: finds and deletes them, and deletes that data after a restore."""

from dataclasses import replace
from hashlib import sha256

from common.settings import Settings
from records import RecordStore
from records.forgotten import TEXT, ForgetRequest
from records.sweep import Swept, sweep
from vault.backup import source_of
from vault.manifest import FORGOTTEN, Backup, Manifest, readable_backups
from vault.places import FORGOTTEN as FOLDER
from vault.places import Place
from vault.reading import read_part
from vault.retention import delete_backups
from vault.rows import forgotten_entries, forgotten_of, forgotten_row, rows_of
from vault.seal import Key, seal_of


def made_before_forgetting(place: Place, store: RecordStore, settings: Settings) -> list[Backup]:
    """Return the backups of this record store that were made before one of its requests was completed."""
    requests = {request.id for request in store.forget_requests() if request.finished_at}
    own = (backup for backup in readable_backups(place) if backup.manifest.source == source_of(store, settings))
    return [backup for backup in own if requests - set(backup.manifest.forgets)]


def purge(place: Place, store: RecordStore, settings: Settings) -> int:
    """Delete the backups that may hold what was forgotten, and their parts; return how many backups they were."""
    with place.lock():
        return delete_backups(place, made_before_forgetting(place, store, settings))


def tell_place(place: Place, store: RecordStore, settings: Settings) -> None:
    """Write the marks of forgotten data to a place of backups, beside those that still contain it."""
    with place.lock():
        rows = [forgotten_row(entry) for entry in forgotten_entries(store)]
        name = sha256(source_of(store, settings).encode()).hexdigest()[:16]
        seal = seal_of(place, settings)
        place.put(f"{FOLDER}/{name}{seal.suffix}", seal.close(b"\n".join(rows)))


def apply_forgotten(place: Place, manifest: Manifest, key: Key, store: RecordStore) -> Swept:
    """Delete forgotten data from a restored record store, whether it was forgotten before or after the backup."""
    newest: dict[str, Manifest] = {}
    for backup in readable_backups(place):
        newest.setdefault(backup.manifest.source, backup.manifest)
    parts = {part.name: part for one in (manifest, *newest.values()) for part in one.of(FORGOTTEN)}
    contents = [read_part(place, part, key) for part in parts.values()]
    contents += [key.open(place.get(name), name) for name in sorted(place.list(FOLDER))]
    requests: dict[str, ForgetRequest] = {}
    with store.transaction():
        for row in (row for content in contents for row in rows_of(content)):
            entry = forgotten_of(row)
            if isinstance(entry, list):
                store.add_marks(entry)
            else:
                known = requests.get(entry.id)
                requests[entry.id] = known if known and known.finished_at else entry
        for request in requests.values():
            # texts that were removed since then are back: the next run looks which lines Iceberg has without them
            store.save_forget_request(replace(request, finished_at=None) if request.kind == TEXT else request)
    return sweep(store)
