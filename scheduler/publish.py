"""Publishing: a copy of the work database becomes a read-only generation, and `current` links to it.

If killed at any instruction, the old or the new generation is published completely; the next call deletes leftovers.
The caller holds the pipeline lock.
"""

import fcntl
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
from pydantic import BaseModel, ConfigDict

from common.duckdb_files import open_read_only, open_work_database
from common.errors import AnalyticsError
from common.paths import DATABASE_FILE, DuckDBVolume
from common.private_files import sync_path

MANIFEST_FILE = "manifest.json"
FORGETS = "forgets"
"""The fact that marks a generation whose run deleted lines on request."""
_UNFINISHED = ".tmp"
_FICLONE = 0x40049409  # linux/fs.h
_SPARE_BYTES = 64 * 1024 * 1024  # what a checkpoint and the manifest may need besides the copy


class PublishError(AnalyticsError):
    """The work database was not published; the message says why, and the last generation is unchanged."""


class Generation(BaseModel):
    """One published database: its number, and the facts of its build."""

    model_config = ConfigDict(frozen=True)

    number: int
    created_at: datetime
    bytes: int
    row_counts: dict[str, int]
    """Rows by `schema.table`, counted in the published copy."""
    facts: dict[str, Any] = {}
    """What the caller says it was built from: load_id, project_fingerprint, dbt_vars, ..."""


def publish(
    volume: DuckDBVolume,
    *,
    keep: int,
    facts: dict[str, Any] | None = None,
    check: Callable[[duckdb.DuckDBPyConnection], None] | None = None,
    schema: str = "marts",
    prepare: Callable[[Path], None] | None = None,
) -> Generation:
    """Publish the work database as a new generation and delete all but the newest `keep`.

    `prepare` may rewrite the copy before it is visible. Then every table of `schema` is read completely and every
    view bound; `check` may check more and raise PublishError.
    """
    _remove_leftovers(volume)
    _require_space(volume)
    _checkpoint(volume.work_database)
    number = max(_numbers(volume), default=0) + 1
    folder = volume.generations / f"{number}{_UNFINISHED}"
    try:
        _copy(volume.work_database, folder / DATABASE_FILE)
        if prepare:
            prepare(folder / DATABASE_FILE)
            _protect(folder / DATABASE_FILE)
        counts = _check(folder / DATABASE_FILE, schema, check)
        generation = _describe(folder, number, counts, facts or {})
        _show(volume, folder, number)
    except OSError as error:
        raise PublishError(f"cannot write generation {number} in {volume.generations}: {error.strerror}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _remove_old(volume, keep)
    return generation


def current_generation(volume: DuckDBVolume) -> Generation | None:
    """Return the current generation, or None before the first one, or if its database is gone."""
    return _read(volume.current) if volume.published_database.exists() else None


def tidy(volume: DuckDBVolume) -> None:
    """Delete leftovers and restore a lost link, as a publication does, if nothing is published."""
    _remove_leftovers(volume)
    _link_well_known(volume)


def _link_well_known(volume: DuckDBVolume) -> None:
    _link(volume.well_known_database, Path(volume.current.name) / DATABASE_FILE)


def list_generations(volume: DuckDBVolume) -> list[Generation]:
    """Return the generations on the volume, newest first."""
    folders = (volume.generations / str(number) for number in sorted(_numbers(volume), reverse=True))
    return [generation for folder in folders if (generation := _read(folder))]


def remove_old_generations(volume: DuckDBVolume, keep: int) -> int:
    """Delete leftovers and all but the newest `keep` generations; return how many generations were deleted."""
    _remove_leftovers(volume)
    return _remove_old(volume, keep)


def _read(folder: Path) -> Generation | None:
    with suppress(FileNotFoundError, NotADirectoryError, ValueError):  # an unreadable one is published again
        return Generation.model_validate_json((folder / MANIFEST_FILE).read_bytes())
    return None


def space_needed(volume: DuckDBVolume) -> int:
    """Return how many free bytes the next publication needs."""
    work = volume.work_database
    return (work.stat().st_size if work.exists() else 0) + _SPARE_BYTES


def _require_space(volume: DuckDBVolume) -> None:
    """Check the free space before anything is written: a full disk would also make the next load fail."""
    if not volume.work_database.exists():
        raise PublishError(f"expected a database at {volume.work_database}, found none; run the pipeline")
    volume.generations.mkdir(parents=True, exist_ok=True)
    needed, free = space_needed(volume), shutil.disk_usage(volume.generations).free
    if free < needed:
        raise PublishError(
            f"{volume.generations} has {free >> 20} MiB free, publishing needs {needed >> 20} MiB;"
            " free some space or lower KEEP_GENERATIONS"
        )


def _checkpoint(database: Path) -> None:
    """Checkpoint the write-ahead log: a remaining one would be replayed into the copy."""
    try:
        with open_work_database(database) as connection:
            connection.execute("checkpoint")
    except duckdb.Error as error:
        raise PublishError(f"cannot checkpoint the work database {database}: {error}") from error
    log = database.with_name(database.name + ".wal")
    if log.exists():
        raise PublishError(f"expected no {log} after a checkpoint: a program still has the database open; close it")


def _copy(source: Path, target: Path) -> None:
    """Copy and flush, then check that nothing was written meanwhile: such a copy would mix two states."""
    target.parent.mkdir(parents=True)
    before = source.stat()
    _share_or_copy(source, target)
    after = source.stat()
    log = source.with_name(source.name + ".wal")
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or log.exists():
        raise PublishError(f"{source} changed while it was copied: another program writes to it; close that program")
    _protect(target)


def _protect(target: Path) -> None:
    target.chmod(0o444)
    sync_path(target)


def _share_or_copy(source: Path, target: Path) -> None:
    """Share blocks of both files if the filesystem can (Btrfs, XFS), else copy; neither changes the other."""
    try:
        with source.open("rb") as old, target.open("wb") as new:
            fcntl.ioctl(new, _FICLONE, old.fileno())
    except OSError:
        shutil.copyfile(source, target)


def _check(database: Path, schema: str, check: Callable[[duckdb.DuckDBPyConnection], None] | None) -> dict[str, int]:
    try:
        with open_read_only(database) as connection:
            counts = {name: _read_through(connection, name) for name in _tables(connection, schema)}
            for name in _views(connection):
                connection.execute(f"select * from {name} limit 0")
            if check is not None:
                check(connection)
    except duckdb.Error as error:
        raise PublishError(f"the copy of the work database cannot be read: {error}") from error
    if not counts:
        raise PublishError(f"expected tables in schema {schema} of the work database, found none; run dbt build")
    return counts


def _tables(connection: duckdb.DuckDBPyConnection, schema: str) -> list[str]:
    sql = "select table_name from duckdb_tables() where schema_name = ? and not internal order by table_name"
    return [f"{schema}.{name}" for (name,) in connection.execute(sql, [schema]).fetchall()]


def _views(connection: duckdb.DuckDBPyConnection) -> list[str]:
    sql = "select schema_name, view_name from duckdb_views() where not internal order by all"
    return [f'"{schema}"."{name}"' for schema, name in connection.execute(sql).fetchall()]


def _read_through(connection: duckdb.DuckDBPyConnection, name: str) -> int:
    """Count a table's rows. The hash makes DuckDB read every column, and so verify every block's checksum."""
    schema, table = name.split(".", 1)
    row = connection.execute(f'select count(*), bit_xor(hash(t)) from "{schema}"."{table}" as t').fetchone()
    return int(row[0]) if row else 0


def _describe(folder: Path, number: int, counts: dict[str, int], facts: dict[str, Any]) -> Generation:
    size = (folder / DATABASE_FILE).stat().st_size
    generation = Generation(number=number, created_at=datetime.now(UTC), bytes=size, row_counts=counts, facts=facts)
    manifest = folder / MANIFEST_FILE
    manifest.write_text(json.dumps(generation.model_dump(mode="json"), indent=2) + "\n", encoding="utf-8")
    sync_path(manifest)
    sync_path(folder)
    return generation


def _show(volume: DuckDBVolume, folder: Path, number: int) -> None:
    """Replace `current` by a rename, the atomic switch: readers find the old folder or the new one."""
    folder.rename(volume.generations / str(number))
    sync_path(volume.generations)
    _link(volume.current, Path(volume.generations.name) / str(number))
    _link_well_known(volume)
    sync_path(volume.root)


def _link(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() == target:
        return
    new = link.with_name(link.name + _UNFINISHED)
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(link)


def _remove_leftovers(volume: DuckDBVolume) -> None:
    for folder in volume.generations.glob(f"*{_UNFINISHED}"):
        shutil.rmtree(folder)
    for link in (volume.current, volume.well_known_database):
        link.with_name(link.name + _UNFINISHED).unlink(missing_ok=True)


def _remove_old(volume: DuckDBVolume, keep: int) -> int:
    """Delete old generations. Readers that have one open keep it: the blocks are freed when they close it."""
    current = volume.current.resolve().name
    old = [number for number in sorted(_numbers(volume), reverse=True)[max(keep, 1) :] if str(number) != current]
    for number in old:
        folder = volume.generations / str(number)
        # renamed first: a folder with a number is always complete
        shutil.rmtree(folder.rename(folder.with_name(folder.name + _UNFINISHED)))
    return len(old)


def _numbers(volume: DuckDBVolume) -> Iterator[int]:
    with suppress(FileNotFoundError):
        yield from (int(path.name) for path in volume.generations.iterdir() if path.name.isdecimal())
