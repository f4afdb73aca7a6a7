"""How Metabase opens the published database: what a spill leaves behind, and what SQL can reach."""

import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from metabase.client import Client, MetabaseError, NotReadyError, QueryFailedError, until
from metabase.first_start import DatabaseSettings, ensure_database, require_password
from tests.integration.metabase.conftest import Volume

SPILLS = "select count(*) from (select row_number() over (order by text desc) as n from marts.wide order by hash(n))"

LIMIT = "select current_setting('memory_limit')"


def _once_dropped(client: Client, database: int, sql: str) -> list[list[Any]]:
    """Ask again where the query was cut by the pool that a change of the database drops."""
    try:
        return client.rows(database, sql)
    except QueryFailedError as error:
        raise NotReadyError(str(error)) from error


@pytest.fixture(scope="module")
def wide(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's database with a table that is larger than the memory that Metabase's DuckDB may use."""
    copy = Path(shutil.copy(published, tmp_path_factory.mktemp("wide")))
    with duckdb.connect(copy) as connection:
        connection.execute(
            "create table marts.wide as select range as id, repeat('x', 100) || range as text from range(1000000)"
        )
    return copy


@pytest.fixture
def settings(wide: Path, tmp_path: Path) -> DatabaseSettings:
    """A volume on which the wide table is published."""
    volume = Volume(tmp_path, wide)
    return DatabaseSettings(file=str(volume.publish(1)), memory_limit="60MB", temp_directory=str(tmp_path / "spill"))


def test_after_a_spill_every_later_query_answers(client: Client, settings: DatabaseSettings) -> None:
    database = ensure_database(client, settings)
    assert client.rows(database, SPILLS) == [[1000000]]
    assert Path(settings.temp_directory).exists(), "the query spilled, and where it was told to"
    for _ in range(3):
        assert client.rows(database, "select 1") == [[1]]


def test_the_stand_in_shows_what_the_folder_in_init_sql_did(client: Client, settings: DatabaseSettings) -> None:
    """The driver runs `init_sql` on every connection and rethrows."""
    number = ensure_database(client, settings)
    init = f"set temp_directory = '{settings.temp_directory}'"
    client.put(f"/api/database/{number}", {"details": settings.details | {"init_sql": init}})
    assert until(lambda: _once_dropped(client, number, SPILLS), 30) == [[1000000]]
    with pytest.raises(MetabaseError, match="Cannot switch temporary directory"):
        client.rows(number, "select 1")


@pytest.mark.parametrize(
    "sql",
    [
        "select content from read_text('{secret}')",
        "select * from read_csv('{secret}')",
        "select * from glob('{folder}/*')",
        "attach '{folder}/other.db' as other",
        "attach '{folder}/work.db' as work (read_only)",
        "copy marts.dim_sessions to '{folder}/copy.csv'",
        "export database '{folder}/exported'",
        "set enable_external_access = true",
        "reset enable_external_access",
        "set allowed_directories = ['/']",
        "set temp_directory = '{folder}'",
        "install httpfs",
    ],
)
def test_sql_reaches_no_file_but_the_published_one(
    client: Client, settings: DatabaseSettings, tmp_path: Path, sql: str
) -> None:
    (tmp_path / "secret").write_text("hunter2")
    duckdb.connect(tmp_path / "work.db").close()
    database = ensure_database(client, settings)
    with pytest.raises(MetabaseError, match="the query failed"):
        client.rows(database, sql.format(secret=tmp_path / "secret", folder=tmp_path))
    assert {path.name for path in tmp_path.glob("*")} & {"other.db", "copy.csv", "exported"} == set()


def test_changed_settings_reach_a_metabase_that_has_the_file_open(client: Client, settings: DatabaseSettings) -> None:
    """DuckDB opens no file with two configurations at once, and Metabase tries new details out first."""
    before = DatabaseSettings(settings.file, temp_directory=settings.temp_directory, memory_limit="90MB")
    database = ensure_database(client, before)
    client.rows(database, "select 1")
    assert ensure_database(client, settings) == database
    assert until(lambda: _once_dropped(client, database, LIMIT), 30) == [["57.2 MiB"]]


@pytest.mark.parametrize("password", ["short", "a-long-one-without-digits", ""])
def test_a_password_that_metabase_would_refuse_is_said_with_the_reason(password: str) -> None:
    with pytest.raises(MetabaseError, match="METABASE_PASSWORD: Metabase expects at least 6 characters with a digit"):
        require_password(password)
