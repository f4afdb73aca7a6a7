"""The period that a report shows first: it ends today where the data is fresh, else with the last day that has data."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
import pytest

from report.html import period_of

ZONE = "Europe/Berlin"


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    database = duckdb.connect()
    database.execute("""
        create schema marts; create schema raw;
        create table marts.dim_date as select 20260110 as date_key, date '2026-01-10' as full_date, 2026 as year;
        create table marts.agg_daily_summary as select date_key from marts.dim_date;
        create table raw.conversations (extracted_at timestamptz)
    """)
    return database


def _extracted(connection: duckdb.DuckDBPyConnection, hours_ago: int) -> None:
    connection.execute("insert into raw.conversations values (now() - to_hours(?))", [hours_ago])


def test_fresh_data_ends_today_though_nothing_happened_since(connection: duckdb.DuckDBPyConnection) -> None:
    _extracted(connection, 1)
    today = datetime.now(ZoneInfo(ZONE)).date()
    found = period_of(connection, ZONE)
    assert (found["from_text"], found["to_text"]) == ((today - timedelta(days=29)).isoformat(), today.isoformat())
    assert found["first_text"] == "2026-01-10"


def test_data_that_stopped_coming_ends_with_its_last_day(connection: duckdb.DuckDBPyConnection) -> None:
    _extracted(connection, 49)
    assert period_of(connection, ZONE)["to_text"] == "2026-01-10"


def test_without_lines_it_is_not_fresh(connection: duckdb.DuckDBPyConnection) -> None:
    assert period_of(connection, ZONE)["to_text"] == "2026-01-10"
