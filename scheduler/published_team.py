"""TEAM_AGGREGATES_ONLY=on: a published database in which no row tells of fewer than five people.

It has every table and view, so that each reader finds what it asks for, and rows in marts.agg_team_usage and the seeds
alone.
The file is written as a new one: in a copy whose rows are deleted, the blocks would keep their bytes.
"""

from contextlib import closing
from pathlib import Path

from common.duckdb_files import DEFAULT_LIMITS, DuckDBLimits, open_work_database
from scheduler.published_text import write_again

TEAM_USAGE = "marts.agg_team_usage"


def keep_team_only(database: Path, limits: DuckDBLimits = DEFAULT_LIMITS) -> None:
    """Write a copy of the work database again with the team's rows alone; their view becomes a table."""
    with closing(open_work_database(database, limits)) as connection:
        connection.execute(f"create temp table team as from {TEAM_USAGE}")
        connection.execute(f"drop view {TEAM_USAGE}")
        connection.execute(f"create table {TEAM_USAGE} as from team")
    write_again(database, limits, _of_team)


def _of_team(table: str, source: str) -> str:
    is_kept = table == TEAM_USAGE or table.startswith("seeds.")
    return f"from {source}" if is_kept else f"from {source} limit 0"
