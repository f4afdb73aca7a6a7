"""TEAM_AGGREGATES_ONLY=on: a published database in which every row is about at least five people.

It has every table and view, so that every query works, but rows only in marts.agg_team_usage and the seeds.
A new file is written: deleted rows of a copy would leave their bytes in its blocks.
"""

from contextlib import closing
from pathlib import Path

from common.duckdb_files import DEFAULT_LIMITS, DuckDBLimits, open_work_database
from scheduler.published_text import write_again

TEAM_USAGE = "marts.agg_team_usage"


def keep_team_only(database: Path, limits: DuckDBLimits = DEFAULT_LIMITS) -> None:
    """Rewrite a copy of the work database with only the team's rows; their view becomes a table."""
    with closing(open_work_database(database, limits)) as connection:
        connection.execute(f"create temp table team as from {TEAM_USAGE}")
        connection.execute(f"drop view {TEAM_USAGE}")
        connection.execute(f"create table {TEAM_USAGE} as from team")
    write_again(database, limits, _of_team)


def _of_team(table: str, source: str) -> str:
    is_kept = table == TEAM_USAGE or table.startswith("seeds.")
    return f"from {source}" if is_kept else f"from {source} limit 0"
