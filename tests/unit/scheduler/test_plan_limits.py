"""The plan's limits as a table: every reading once, damaged lines left out, and the same columns as dbt creates."""

import json
import re
from pathlib import Path

import duckdb
import pytest

from scheduler.plan_limits import COLUMNS, TABLE, export_plan_limits, older_part

ROOT = Path(__file__).resolve().parents[3]
GOOD = {"at": 1_780_000_000.5, "window": "five_hour", "used_percentage": 12.5, "resets_at": 1_780_003_600, "host": "h"}


def rows(connection: duckdb.DuckDBPyConnection) -> list[tuple[float, str, float, float | None, str | None]]:
    columns = "epoch(observed_at), limit_window, used_percentage, epoch(resets_at), host"
    return connection.execute(f"select {columns} from raw.{TABLE} order by 1, 3").fetchall()


def test_readings_of_both_parts_come_once(tmp_path: Path) -> None:
    file = tmp_path / "plan_limits.jsonl"
    older_part(file).write_text(json.dumps(GOOD) + "\n")
    file.write_text("".join(json.dumps(GOOD | {"used_percentage": used}) + "\n" for used in (12.5, 13, 13)))
    with duckdb.connect() as connection:
        for _ in range(2):
            export_plan_limits(connection, file)
        assert [row[2] for row in rows(connection)] == [12.5, 13]
        older_part(file).unlink()
        file.write_text(json.dumps(GOOD | {"used_percentage": 20, "resets_at": None, "host": None}))
        export_plan_limits(connection, file)
        assert rows(connection)[-1] == (1_780_000_000.5, "five_hour", 20, None, None)
        assert len(rows(connection)) == 3


@pytest.mark.parametrize(
    "line",
    [
        b"{", b"null", b"[]", b"\xff", b"5",
        *(json.dumps(GOOD | wrong).encode() for wrong in (
            {"at": None}, {"at": 1e30}, {"at": True}, {"window": 5}, {"used_percentage": "x"}, {"used_percentage": -1},
            {"used_percentage": float("nan")},
        )),
    ],
)  # fmt: skip
def test_a_line_that_says_nothing_usable_is_left_out(line: bytes, tmp_path: Path) -> None:
    file = tmp_path / "plan_limits.jsonl"
    file.write_bytes(line + b"\n" + json.dumps(GOOD).encode() + b"\n" + line[:3])
    with duckdb.connect() as connection:
        export_plan_limits(connection, file)
        assert len(rows(connection)) == 1


def test_half_a_surrogate_pair_stops_nothing(tmp_path: Path) -> None:
    file = tmp_path / "plan_limits.jsonl"
    file.write_text(json.dumps(GOOD | {"host": "a\ud800b"}))
    with duckdb.connect() as connection:
        export_plan_limits(connection, file)
        assert [row[4] for row in rows(connection)] == ["a?b"]


def test_without_a_file_the_table_is_empty(tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        export_plan_limits(connection, tmp_path / "none.jsonl")
        assert rows(connection) == []


def test_dbt_creates_the_same_table_where_it_is_missing() -> None:
    macro = (ROOT / "dbt/macros/scheduler_table.sql").read_text(encoding="utf-8")
    found = re.search(rf"'{TABLE}': '([^']+)'", macro)
    assert found is not None
    assert found[1] == ", ".join(f"{column} {kind}" for column, kind in COLUMNS.items())
