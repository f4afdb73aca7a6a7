"""Restores a backup into an empty place: verified before, written beside it, verified again, then renamed.

So a failed or killed restore leaves nothing that a run would take for a history.
"""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import SecretStr

from common.chunks import chunks
from common.paths import DataPaths
from common.private_files import make_folder, sync, unfinished
from common.settings import Settings
from records import RecordStore, StoredLine, open_store
from records.store import EARLIEST
from vault.errors import PlaceError, VaultError
from vault.files import HISTORY, IN_DATA, PUBLISHED, TOKEN, environment, is_statement, psql
from vault.manifest import LAYOUTS, LINES, METABASE, REJECTED, STATES, UNDATED, Backup, Manifest
from vault.places import Place
from vault.purge import apply_forgotten
from vault.reading import read_part, verify
from vault.rows import digest_of, layout_of, line_of, line_print, rejected_of, rows_of, state_of
from vault.seal import Key

Record = TypeVar("Record")
Progress = Callable[[str], None]

OTHER_FILES = "restored"
"""The folder of what has no place of its own: settings, secrets, Metabase's dump where its database was not named."""
_AT_ONCE = 2000
_STAGE = ".restoring"
_IGNORED = {_STAGE, "lost+found"}
"""In an empty folder that is a mount point."""


@dataclass
class Restored:
    """The result of a restore."""

    counts: dict[str, int] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)
    """Where files are for which only a person knows the place."""
    left_out: int = 0
    """Lines that were forgotten, and deleted again."""
    metabase: bool = False
    """Whether Metabase's database was restored."""
    seconds: float = 0.0


def restore(place: Place, backup: Backup, key: Key, settings: Settings, progress: Progress) -> Restored:
    """Restore a backup to the configured paths. Raises PlaceError if they are not empty."""
    started = time.monotonic()
    check_empty(settings)
    progress("checking every part")
    for part, problem in verify(place, backup, key):
        if problem:
            raise VaultError(f"nothing was restored: {part.kind}: {problem}")
    restored = Restored()
    with _staged(settings.data_dir) as stage:
        staged = settings.model_copy(update={"data_dir": stage})
        with closing(open_store(staged, "claude-analytics-restore")) as store:
            _check_store_empty(store)
            progress("restoring the record store")
            _restore_records(place, backup.manifest, key, store)
            progress("reading it back")
            restored.counts = _check_records(store, backup.manifest)
            swept = apply_forgotten(place, backup.manifest, key, store)
            restored.left_out = swept.lines + swept.rejected_lines
        _restore_files(place, backup.manifest, key, staged, restored, progress)
    restored.files = [settings.data_dir / path.relative_to(stage) for path in restored.files]
    restored.seconds = time.monotonic() - started
    return restored


def check_empty(settings: Settings) -> None:
    """Raise PlaceError where the data directory or the published database holds something."""
    folder, volume = settings.data_dir, DataPaths.of(settings).duckdb
    if folder.exists() and (not folder.is_dir() or any(path.name not in _IGNORED for path in folder.iterdir())):
        raise PlaceError(f"restore: expected an empty or new folder, found files in {folder}; pass --data DIR")
    if volume.current.is_symlink():
        raise PlaceError(f"restore: expected no published database, found {volume.current}; set DUCKDB_PATH to another")


def _check_store_empty(store: RecordStore) -> None:
    if store.count() or store.count_states():
        found = f"{store.count():,} lines and {store.count_states():,} files in {store.name}"
        raise PlaceError(f"restore: expected an empty record store, found {found}; choose another database")


@contextmanager
def _staged(folder: Path) -> Iterator[Path]:
    """Yield a folder beside this one, which takes its name at the end; a killed restore's is removed by the next.

    A mount point cannot be renamed: there the folder is inside, and what is in it moves up, the record store last.
    """
    stage = folder / _STAGE if folder.is_mount() else folder.with_name(f".{folder.name}.restoring")
    shutil.rmtree(stage, ignore_errors=True)
    make_folder(stage.parent)
    stage.mkdir(mode=0o700)
    try:
        yield stage
        if stage.parent == folder:
            for path in sorted(stage.iterdir(), key=lambda path: path.name == "records"):
                path.rename(folder / path.name)
        else:
            if folder.exists():
                folder.rmdir()
            stage.rename(folder)
    except OSError as error:
        found = f"{error.strerror or error}"
        raise VaultError(
            f"restore: {folder}: {found}; check that its disk has space, or choose a folder in it"
        ) from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _restore_records(place: Place, manifest: Manifest, key: Key, store: RecordStore) -> None:
    """Write lines before the states that count them: what a kill leaves in MongoDB is then collected again."""

    def put(kinds: tuple[str, ...], read: Callable[[bytes], Record], write: Callable[[list[Record]], object]) -> None:
        for part in manifest.of(*kinds):
            for some in chunks(map(read, rows_of(read_part(place, part, key))), _AT_ONCE):
                write(some)

    put((LINES, UNDATED), line_of, store.restore_lines)
    put((REJECTED,), rejected_of, store.restore_rejected)
    put((LAYOUTS,), layout_of, store.save_layouts)
    put((STATES,), state_of, store.restore_states)


def _check_records(store: RecordStore, manifest: Manifest) -> dict[str, int]:
    """Read every line back. Raises VaultError where the store holds anything else than the backup does."""
    found = {
        LINES: 0,
        REJECTED: sum(1 for _ in store.rejected_ids()),
        STATES: sum(1 for _ in store.all_states()),
        LAYOUTS: sum(1 for _ in store.all_layouts()),
    }
    undated = manifest.count(UNDATED)

    def prints(lines: Iterable[StoredLine]) -> Iterator[int]:
        for line in lines:
            found[LINES] += 1
            yield line_print(line)

    digest = digest_of(prints(store.read_after(EARLIEST)))
    expected = {kind: manifest.count(kind) for kind in found}
    expected_digest = digest_of(int(part.digest or "0", 16) for part in manifest.of(LINES))
    if found[LINES] == expected[LINES] + undated:  # SQLite gives lines without a moment that of the restore
        expected[LINES] += undated
    if found != expected or (not undated and digest != expected_digest):
        raise VaultError(f"restore: expected {expected} with digest {expected_digest}, found {found} with {digest}")
    return expected


def _restore_files(
    place: Place, manifest: Manifest, key: Key, settings: Settings, restored: Restored, progress: Progress
) -> None:
    scheduler = settings.scheduler_dir or settings.data_dir / "scheduler"
    known = {name: settings.data_dir / name for name in IN_DATA}
    known |= {name: scheduler / Path(name).name for name in (HISTORY, PUBLISHED, TOKEN)}
    for name, parts in manifest.files().items():
        if name == METABASE and settings.metabase_database_uri is not None:
            progress("restoring Metabase's database")
            restore_metabase(settings.metabase_database_uri, (read_part(place, part, key) for part in parts))
            restored.metabase = True
            continue
        path = known.get(name) or settings.data_dir / ("" if is_statement(name) else OTHER_FILES) / name
        if path.exists():
            raise PlaceError(f"restore: expected no {path}, found one; move it away")
        _write(path, (read_part(place, part, key) for part in parts))
        if name not in known and not is_statement(name):
            restored.files.append(path)


def _write(path: Path, pieces: Iterable[bytes]) -> None:
    make_folder(path.parent)
    with unfinished(path.parent) as file:
        for piece in pieces:
            file.write(piece)
        sync(file)
        Path(file.name).rename(path)


def restore_metabase(uri: SecretStr, pieces: Iterable[bytes]) -> None:
    """Restore PostgreSQL's dump with pg_restore; the database must be empty."""
    _require_empty_database(uri)
    command = ["pg_restore", "--dbname", environment(uri)["PGDATABASE"], "--no-owner", "--single-transaction"]
    with subprocess.Popen(command, env=environment(uri), stdin=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        assert program.stdin is not None
        for piece in pieces:
            program.stdin.write(piece)
        program.stdin.close()
        assert program.stderr is not None
        said = program.stderr.read().decode(errors="replace")
    if program.returncode:
        raise VaultError(f"Metabase's database: pg_restore failed: {' '.join(said.split())[:300]}")


def _require_empty_database(uri: SecretStr) -> None:
    tables = psql(uri, "select count(*) from information_schema.tables where table_schema = 'public'")
    if tables != "0":
        raise PlaceError(f"restore: expected an empty database for Metabase, found {tables} tables in it")
