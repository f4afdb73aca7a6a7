"""A new generation becomes visible: the pool keeps the old file until it is dropped, and nobody is locked out."""

import threading
from pathlib import Path

import pytest

from metabase.client import Client, MetabaseError, NotReadyError, until
from metabase.first_start import DatabaseSettings, connect, ensure_database
from metabase.recycle import busy_connections, recycle, seen_generation
from tests.integration.metabase.conftest import PASSWORD, USER, Volume


@pytest.fixture
def database(client: Client, volume: Volume, tmp_path: Path) -> int:
    return ensure_database(client, DatabaseSettings(file=str(volume.file), temp_directory=str(tmp_path / "spill")))


def test_a_query_sees_the_old_generation_until_the_pool_is_dropped(
    client: Client, database: int, volume: Volume
) -> None:
    assert seen_generation(client, database) == 1
    volume.publish(2)
    assert seen_generation(client, database) == 1
    done = recycle(client, database, 2)
    assert (done.generation, seen_generation(client, database)) == (2, 2)


def test_a_generation_that_is_not_there_is_waited_for_and_then_named(client: Client, database: int) -> None:
    with pytest.raises(NotReadyError, match="does not read generation 9 yet"):
        recycle(client, database, 9, wait_seconds=0.5)


def test_a_second_recycle_of_the_same_generation_sends_nothing(client: Client, database: int, volume: Volume) -> None:
    recycle(client, database, 1)
    client.writes.clear()
    recycle(client, database, 1)
    assert client.writes == []


SLOW = "select count(*) from range(40000) as a, range(20000) as b where hash(a.range, b.range) % 7 = 3"
SHORT = SLOW.replace("40000", "10000")


class Slow(threading.Thread):
    """A query that takes a while, under way by the time this is made."""

    def __init__(self, client: Client, url: str, database: int, query: str = SLOW) -> None:
        super().__init__()
        self.own = connect(url, USER, PASSWORD)
        self.database, self.query = database, query
        self.error = ""
        self.start()
        until(lambda: self._require_busy(client), 20)

    def _require_busy(self, client: Client) -> None:
        if not busy_connections(client, self.database):
            raise NotReadyError("no query is under way")

    def run(self) -> None:
        """Ask, and remember what went wrong."""
        try:
            self.own.rows(self.database, self.query)
        except MetabaseError as error:
            self.error = str(error)


def test_a_query_under_way_is_waited_for(client: Client, metabase_url: str, database: int, volume: Volume) -> None:
    volume.publish(2)
    slow = Slow(client, metabase_url, database, SHORT)
    done = recycle(client, database, 2)
    slow.join()
    assert (slow.error, done.cut) == ("", 0)


def test_a_query_that_takes_longer_than_that_is_cut_and_counted(
    client: Client, metabase_url: str, database: int, volume: Volume
) -> None:
    volume.publish(2)
    slow = Slow(client, metabase_url, database)
    done = recycle(client, database, 2, idle_seconds=0)
    slow.join()
    assert done.cut == 1
    assert "the query failed" in slow.error
    assert seen_generation(client, database) == 2
