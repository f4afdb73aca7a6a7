"""Threads that read one database: results in order, one connection each, the first error, nothing left open."""

import threading

import duckdb
import pytest

from report.readers import readers


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    database = duckdb.connect()
    database.execute("set timezone = 'Asia/Kathmandu'")
    return database


def test_results_come_in_the_order_of_the_items(connection: duckdb.DuckDBPyConnection) -> None:
    def double(cursor: duckdb.DuckDBPyConnection, number: int) -> int:
        [(found,)] = cursor.execute("select 2 * ?", [number]).fetchall()
        return int(found)

    with readers(connection) as threads:
        assert list(threads.map(double, range(50))) == [2 * number for number in range(50)]


def test_each_reader_is_in_the_time_zone_of_the_connection_and_no_two_share_one(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    both_are_here = threading.Barrier(2, timeout=30)

    def zone(cursor: duckdb.DuckDBPyConnection, _: int) -> tuple[int, str]:
        both_are_here.wait()
        [(found,)] = cursor.execute("select current_setting('TimeZone')").fetchall()
        return id(cursor), found

    with readers(connection) as threads:
        found = dict(threads.map(zone, range(2)))
    assert len(found) == 2
    assert set(found.values()) == {"Asia/Kathmandu"}


def test_an_error_is_raised_where_its_result_is_asked_for_and_the_rest_is_dropped(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    read: list[int] = []

    def fail(cursor: duckdb.DuckDBPyConnection, number: int) -> None:
        read.append(number)
        cursor.execute("select error('no such thing')")

    with pytest.raises(duckdb.InvalidInputException, match="no such thing"), readers(connection) as threads:
        list(threads.map(fail, range(10_000)))
    assert 1 <= len(read) < 10_000


def test_their_connections_end_with_them(connection: duckdb.DuckDBPyConnection) -> None:
    kept: list[duckdb.DuckDBPyConnection] = []
    with readers(connection) as threads:
        list(threads.map(lambda cursor, _: kept.append(cursor), range(2)))
    with pytest.raises(duckdb.ConnectionException):
        kept[0].execute("select 1")
    assert connection.execute("select 1").fetchall() == [(1,)]
