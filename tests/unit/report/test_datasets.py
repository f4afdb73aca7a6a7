"""Datasets as the page carries them: codes for texts, of a large one the newest rows, nothing without the mart."""

from typing import Any

import duckdb
import pytest

from dashboards.definitions import Dataset
from report.datasets import TEXT_LIMIT, encode_dataset


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    database = duckdb.connect()
    database.execute("""
        set timezone = 'America/New_York';
        create table facts as
        select * from (values
            (timestamptz '2026-03-01 10:00:00+00', date '2026-03-01', 'app', 1.25::decimal(9, 2)),
            (timestamptz '2026-03-02 03:00:00+00', date '2026-03-01', 'lib', 2.5),
            (timestamptz '2026-03-03 10:00:00+00', date '2026-03-03', 'app', null),
            (null, date '2026-03-04', null, 4),
            (timestamptz '1969-12-31 10:00:00+00', date '1969-12-31', 'old', 8)
        ) as t (sent, day, project, amount)
    """)
    return database


def _dataset(columns: dict[str, str], **more: Any) -> Dataset:
    sql = "select timezone('America/New_York', sent) as moment, * from facts"
    given = {"marts": ["facts"], "grain": "a row", "sql": sql, "columns": columns}
    return Dataset.model_validate(given | more)


def _values(content: dict[str, Any], name: str) -> list[Any]:
    column = content["columns"][name]
    if "values" in column:
        return list(column["values"])
    return [column["dictionary"][code] if code >= 0 else None for code in column["codes"]]


def test_texts_are_codes_amounts_numbers_and_days_counted_since_1970(connection: duckdb.DuckDBPyConnection) -> None:
    content, facts = encode_dataset(
        connection, _dataset({"moment": "time", "day": "day", "project": "label", "amount": "number"})
    )
    assert content["rows"] == 4, "a broken clock's day is in no period"
    assert content["columns"]["project"] == {"dictionary": ["app", "lib"], "codes": [0, 1, 0, -1]}
    assert _values(content, "amount") == [1.25, 2.5, None, 4]
    assert _values(content, "day") == [20513, 20513, 20515, 20516]
    assert _values(content, "moment")[1] == "2026-03-01 22:00:00.000"
    assert list(facts["amount"]) == [1.25, 2.5, None, 4]


def test_values_that_are_cut_to_the_same_text_share_its_code(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("update facts set project = repeat('x', 200) || project")
    content, _ = encode_dataset(connection, _dataset({"project": "text"}))
    assert content["columns"]["project"]["dictionary"] == ["x" * (TEXT_LIMIT - 1) + "…"]
    assert content["columns"]["project"]["codes"] == [0, 0, 0, -1, 0]


@pytest.mark.parametrize("ordered_by", ["", "sent"])
@pytest.mark.parametrize(
    ("limit", "projects"),
    [
        (2, ["app", "lib"]),
        (4, ["app", "lib", "app", "old"]),
        (5, ["app", "lib", "app", None, "old"]),
        (6, ["app", "lib", "app", None, "old"]),
    ],
)
def test_of_a_large_dataset_the_newest_rows_are_carried(
    connection: duckdb.DuckDBPyConnection, ordered_by: str, limit: int, projects: list[str | None]
) -> None:
    dataset = _dataset({"moment": "time", "project": "label"}, report_limit=limit, ordered_by=ordered_by)
    content, _ = encode_dataset(connection, dataset)
    assert sorted(_values(content, "project"), key=str) == sorted(projects, key=str)
    assert "since" not in content, "it has no day"


def test_a_dataset_that_is_cut_says_from_which_day_on_it_is_carried(connection: duckdb.DuckDBPyConnection) -> None:
    cut, _ = encode_dataset(connection, _dataset({"day": "day", "project": "label"}, report_limit=2))
    whole, _ = encode_dataset(connection, _dataset({"day": "day", "project": "label"}, report_limit=4))
    assert cut["since"] == 20515
    assert "since" not in whole


def test_without_the_mart_there_are_columns_and_no_rows(connection: duckdb.DuckDBPyConnection) -> None:
    missing = _dataset({"day": "day", "project": "label"}).model_copy(update={"sql": "select * from nowhere.at_all"})
    content, facts = encode_dataset(connection, missing)
    assert content == {"rows": 0, "columns": {"day": {"values": []}, "project": {"dictionary": [], "codes": []}}}
    assert facts == {"day": (), "project": ()}


def test_moments_that_pythons_calendar_does_not_have_are_no_error(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("""
        set timezone = 'Asia/Tokyo';
        insert into facts select timestamptz '9999-12-31 23:00:00+00', null, 'late', 1 from range(2);
    """)
    content, _ = encode_dataset(connection, _dataset({"project": "label"}, report_limit=1, ordered_by="sent"))
    assert _values(content, "project") == ["late"]
