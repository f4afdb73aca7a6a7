"""What each of two runners does in test_two_runners. Its own module: a fork server loads it before it forks."""

from contextlib import closing
from pathlib import Path

import duckdb

from common.paths import DuckDBVolume
from scheduler.lock import PipelineLock
from scheduler.work_database import connect


def write_for_ever(root: Path, name: str) -> None:
    """Take the lock, write two rows in one transaction, let go, again. DuckDB itself notices a second writer."""
    volume = DuckDBVolume(root)
    while True:
        with PipelineLock(volume.lock).hold("pipeline", wait_seconds=120):
            try:
                with closing(connect(volume.work_database)) as connection:
                    connection.begin()
                    connection.execute("insert into written values (?, 1)", [name])
                    connection.execute("insert into written values (?, -1)", [name])
                    connection.commit()
            except duckdb.IOException as error:
                (root / "violation").write_text(str(error), encoding="utf-8")
        with (root / "progress").open("a", encoding="utf-8") as progress:
            progress.write(".")
