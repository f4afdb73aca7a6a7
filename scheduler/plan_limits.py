"""The plan's limits as a table of `raw`: Claude Code passes them only to its status line, not to transcripts.

`statusline` appends a line per change to a file in the data directory (cli/quick/plan_limits.py). Lines that have
expired there stay in the table until the work database is rebuilt. Damaged or impossible lines are ignored.
"""

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from scheduler.work_database import ROWS, rows_as_json

TABLE = "plan_limits"
COLUMNS = {
    "observed_at": "timestamptz",
    "limit_window": "varchar",
    "used_percentage": "double",
    "resets_at": "timestamptz",
    "host": "varchar",
}
_LATEST = 253402300800  # the year 10000, in seconds


def older_part(file: Path) -> Path:
    """Return the path for older lines, which the file has no room for."""
    return file.with_name(f"{file.stem}.1{file.suffix}")


def export_plan_limits(connection: duckdb.DuckDBPyConnection, file: Path) -> None:
    """Add the readings that the table lacks."""
    connection.execute("create schema if not exists raw")
    fields = ", ".join(f"{column} {kind}" for column, kind in COLUMNS.items())
    connection.execute(f"create table if not exists raw.{TABLE} ({fields})")
    readings = [reading for part in (older_part(file), file) for reading in read_plan_limits(part)]
    sql = f"insert into raw.{TABLE} {ROWS} except select * from raw.{TABLE}"
    connection.execute(sql, rows_as_json(readings, COLUMNS))


def read_plan_limits(file: Path) -> Iterator[tuple[datetime, str, float, datetime | None, str | None]]:
    """Yield the readings of a file, in the order of COLUMNS."""
    try:
        lines = file.read_bytes().splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        if reading := _reading(line):
            yield reading


def _reading(line: bytes) -> tuple[datetime, str, float, datetime | None, str | None] | None:
    try:
        said = json.loads(line)
        observed_at, used = _moment(said["at"]), float(said["used_percentage"])
        window, host = said["window"], said.get("host")
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None
    if observed_at is None or not isinstance(window, str) or not math.isfinite(used) or used < 0:
        return None
    return observed_at, window, used, _moment(said.get("resets_at")), host if isinstance(host, str) else None


def _moment(seconds: Any) -> datetime | None:
    known = isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 < seconds < _LATEST
    return datetime.fromtimestamp(seconds, UTC) if known else None
