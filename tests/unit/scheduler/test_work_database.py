"""Recognising who has the work database open, and which errors are worth another try."""

import threading
from contextlib import closing
from pathlib import Path

import duckdb
import pyiceberg.exceptions
import pymongo.errors
import pytest
import requests

from common.errors import PassingError
from common.paths import DuckDBVolume
from scheduler.transient import is_transient
from scheduler.work_database import connect, describe_holder, is_broken, is_lock_conflict, wait_until_free

CONFLICT = (
    'IO Error: Could not set lock on file "/d/analytics.db": Conflicting lock is held in {program} (PID {pid}). See'
)


def test_a_holder_in_another_container_is_said_to_be_out_of_sight() -> None:
    assert describe_holder(CONFLICT.format(program="", pid=0)) == "a program in another container or on another machine"


def test_a_holder_whose_process_is_gone_from_sight_keeps_the_name_that_duckdb_gave() -> None:
    message = CONFLICT.format(program="/usr/bin/python3.13", pid=4_194_305)
    assert describe_holder(message) == "process 4194305 (/usr/bin/python3.13)"


def test_a_database_that_does_not_exist_or_is_closed_is_free(tmp_path: Path) -> None:
    volume = DuckDBVolume(tmp_path)
    wait_until_free(volume, 0, threading.Event())
    volume.work_database.parent.mkdir()
    connect(volume.work_database).close()
    wait_until_free(volume, 0, threading.Event())


def test_a_work_database_that_is_none_is_known_as_damaged(tmp_path: Path) -> None:
    volume = DuckDBVolume(tmp_path)
    volume.work_database.parent.mkdir()
    volume.work_database.write_bytes(b"no database " * 1000)
    with pytest.raises(duckdb.IOException) as caught:
        wait_until_free(volume, 0, threading.Event())
    assert is_broken(caught.value)


def test_a_damaged_parquet_file_is_no_damaged_work_database() -> None:
    assert not is_broken(OSError("Either the file is corrupted or this is not a parquet file."))


def test_the_work_database_is_written_in_a_format_that_older_duckdbs_read(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "analytics.db")) as connection:
        connection.execute("create table t as select 1 as n")
        sql = "select tags['storage_version'] from duckdb_databases() where database_name = 'analytics'"
        assert connection.execute(sql).fetchone() == ("v1.4.0+",)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(),
        TimeoutError(),
        PassingError(),
        pymongo.errors.ServerSelectionTimeoutError(),
        pymongo.errors.AutoReconnect(),
        requests.ConnectionError(),
        requests.ReadTimeout(),
        pyiceberg.exceptions.CommitFailedException(),
        pyiceberg.exceptions.ServiceUnavailableError(),
        duckdb.IOException(CONFLICT.format(program="x", pid=1)),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_server_that_is_down_or_busy_is_worth_another_try(error: Exception) -> None:
    assert is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        ValueError(),
        OSError(28, "No space left on device"),
        pymongo.errors.OperationFailure("not authorized"),
        pyiceberg.exceptions.NoSuchTableError(),
        duckdb.IOException("No such file"),
        requests.HTTPError("404"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_would_fail_again_is_not(error: Exception) -> None:
    assert not is_transient(error)
    assert not is_lock_conflict(error)
