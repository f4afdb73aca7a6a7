"""Dashboards stay up through publishing: real generations, a recycled pool, a client that never stops asking."""

import shutil
import threading
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from common.paths import DuckDBVolume
from metabase.client import Client, QueryFailedError
from metabase.first_start import DatabaseSettings, connect, ensure_database
from metabase.recycle import recycle
from scheduler.publish import publish
from tests.integration.metabase.conftest import PASSWORD, USER

PUBLISHES = 8
LONGEST_WAIT_SECONDS = 1.0
"""Beyond what a dashboard over a database that nobody publishes waits on the same machine meanwhile."""


class Dashboard:
    """A client with its own session that asks without a pause, and asks again what was cut, as a reload does."""

    def __init__(self, url: str, database: int) -> None:
        self.client, self.database = connect(url, USER, PASSWORD), database
        self.seen: set[int] = set()
        self.errors: list[str] = []
        self.cut = 0
        self.waits: list[float] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> "Dashboard":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _ask(self) -> None:
        sql = "select max(number), (select count(*) from marts.dim_sessions) from marts.which"
        while not self._stop.is_set():
            started = time.monotonic()
            try:
                [[number, sessions]] = self._rows(sql)
                self.seen.add(number)
                assert sessions
            except Exception as error:  # noqa: BLE001 - whatever a person at the dashboard would see as an error
                self.errors.append(f"{type(error).__name__}: {error}")
            self.waits.append(time.monotonic() - started)

    def _rows(self, sql: str) -> list[list[Any]]:
        try:
            return self.client.rows(self.database, sql)
        except QueryFailedError:
            self.cut += 1
            return self.client.rows(self.database, sql)


@pytest.fixture
def duckdb_volume(tmp_path: Path, published: Path) -> DuckDBVolume:
    """A volume whose work database is the demo's."""
    volume = DuckDBVolume(tmp_path / "duckdb")
    volume.work_database.parent.mkdir(parents=True)
    shutil.copy(published, volume.work_database)
    return volume


def build(volume: DuckDBVolume, number: int) -> None:
    """What a run does to the work database, as far as a reader can tell."""
    with duckdb.connect(str(volume.work_database)) as connection:
        connection.execute("create or replace table marts.which as select ? as number", [number])


def still_settings(volume: DuckDBVolume, folder: Path) -> DatabaseSettings:
    """A copy of the first generation that stays as it is."""
    file = folder / "still" / "analytics.db"
    file.parent.mkdir()
    shutil.copy(volume.published_database, file)
    return DatabaseSettings(file=str(file), name="Still", temp_directory=str(file.parent))


def test_during_many_publishes_nobody_at_a_dashboard_waits_and_one_reload_mends_what_was_cut(
    client: Client, metabase_url: str, duckdb_volume: DuckDBVolume, tmp_path: Path
) -> None:
    build(duckdb_volume, 1)
    publish(duckdb_volume, keep=3)
    # The well-known path is what Metabase is given in the appliance, too.
    settings = DatabaseSettings(file=str(duckdb_volume.well_known_database), temp_directory=str(duckdb_volume.root))
    database = ensure_database(client, settings)
    still = ensure_database(client, still_settings(duckdb_volume, tmp_path))
    with Dashboard(metabase_url, database) as dashboard, Dashboard(metabase_url, still) as undisturbed:
        for number in range(2, PUBLISHES + 2):
            build(duckdb_volume, number)
            generation = publish(duckdb_volume, keep=3)
            recycle(client, database, generation.number)
    assert dashboard.errors == []
    assert dashboard.cut <= PUBLISHES, "a publication drops the pool once"
    assert undisturbed.cut == 0
    assert dashboard.seen >= set(range(2, PUBLISHES + 1)), "every generation was shown"
    assert max(dashboard.waits) < LONGEST_WAIT_SECONDS + 2 * max(undisturbed.waits), "twice: the machine may be busy"
    assert (undisturbed.errors, undisturbed.seen) == ([], {1})
