"""What each of two runners does in test_two_runners. Its own module: a fork server loads it before it forks."""

from contextlib import closing
from pathlib import Path

import duckdb

from common.paths import DuckDBVolume
from scheduler.lock import PipelineLock
from scheduler.work_database import connect, is_broken, remove_work_database


def write_for_ever(root: Path, name: str) -> None:
    """Take the lock, write, let go, again. DuckDB itself notices a second writer."""
    volume = DuckDBVolume(root)
    while True:
        with PipelineLock(volume.lock).hold("pipeline", wait_seconds=120):
            try:
                write(volume, name)
            except duckdb.IOException as error:
                _note(root / "violation", str(error))
                raise
        _note(root / "progress", name)


def write(volume: DuckDBVolume, name: str) -> None:
    """Write two rows in one transaction. A file that a kill left damaged is made again, as a run does it.

    DuckDB overwrites blocks of metadata in place: killed during such a write, it leaves a block with a wrong checksum.
    """
    try:
        _write(volume, name)
    except duckdb.IOException as error:
        if not is_broken(error):
            raise
        remove_work_database(volume)
        _write(volume, name)


def _write(volume: DuckDBVolume, name: str) -> None:
    volume.work_database.parent.mkdir(parents=True, exist_ok=True)
    with closing(connect(volume.work_database)) as connection:
        connection.begin()
        connection.execute("create table if not exists written (name varchar, amount integer)")
        connection.execute("insert into written values (?, 1)", [name])
        connection.execute("insert into written values (?, -1)", [name])
        connection.commit()


def _note(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{text}\n")
