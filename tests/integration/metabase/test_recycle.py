"""A new generation becomes visible: the pool keeps the old file until it is dropped, and nobody is locked out."""

from pathlib import Path

import duckdb
import pytest

from metabase.client import Client, NotReadyError
from metabase.first_start import DatabaseSettings, ensure_database
from metabase.recycle import recycle, seen_generation
from tests.integration.metabase.conftest import Volume


@pytest.fixture
def database(client: Client, volume: Volume, tmp_path: Path) -> int:
    return ensure_database(client, DatabaseSettings(file=str(volume.file), temp_directory=str(tmp_path / "spill")))


def test_a_query_sees_the_old_generation_until_the_pool_is_dropped(
    client: Client, database: int, volume: Volume
) -> None:
    assert seen_generation(client, database) == 1
    volume.publish(2)
    assert seen_generation(client, database) == 1
    done = recycle(client, database, 2, published=volume.file)
    assert (done.generation, seen_generation(client, database)) == (2, 2)


def test_the_schema_is_read_again_only_when_it_changed(client: Client, database: int, volume: Volume) -> None:
    assert recycle(client, database, 1, published=volume.file).synced
    volume.publish(2)
    assert not recycle(client, database, 2, published=volume.file).synced
    file = volume.root / "changed.db"
    file.write_bytes(volume.source.read_bytes())
    with duckdb.connect(file) as connection:
        connection.execute("alter table marts.dim_models add column colour varchar")
    volume.source = file.rename(volume.root / "analytics.db")
    volume.publish(3)
    assert recycle(client, database, 3, published=volume.file).synced


def test_a_changed_schema_is_not_forgotten_where_metabase_was_too_slow(
    client: Client, database: int, volume: Volume
) -> None:
    with pytest.raises(NotReadyError):
        recycle(client, database, 9, published=volume.file, wait_seconds=0.2)
    assert recycle(client, database, 1, published=volume.file).synced


def test_a_generation_that_is_not_there_is_waited_for_and_then_named(client: Client, database: int) -> None:
    with pytest.raises(NotReadyError, match="still reads generation 1, expected 9"):
        recycle(client, database, 9, wait_seconds=0.5)


def test_a_second_recycle_of_the_same_generation_sends_nothing(client: Client, database: int, volume: Volume) -> None:
    recycle(client, database, 1, published=volume.file)
    client.writes.clear()
    recycle(client, database, 1, published=volume.file)
    assert client.writes == []
