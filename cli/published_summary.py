"""Questions to the published database: read-only, and never held up by a pipeline at work."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import duckdb
from pydantic import BaseModel

from cli.quick.database import NothingPublishedError
from common.duckdb_files import DuckDBLimits, open_read_only
from common.paths import DataPaths
from common.settings import Settings


class Summary(BaseModel):
    """What is in the published database, in one line's worth of numbers."""

    sessions: int
    projects: int
    messages: int
    prompts: int
    tool_calls: int
    api_requests: int
    tokens: int
    """All four kinds."""
    cost_usd: float | None
    """Cost of the responses whose model has a price; None if no model has one."""
    first_date: date | None
    last_date: date | None
    lines: int
    """Complete lines read from transcripts."""
    lines_set_aside: int
    """Of these, lines that hold no JSON object; they are kept in dead_letters."""


@contextmanager
def published(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """A read-only connection to the newest generation; spills go to the data directory, never beside the file."""
    paths = DataPaths.of(settings)
    path = paths.duckdb.published_database
    if not path.exists():
        raise NothingPublishedError(paths.duckdb.root)
    limits = DuckDBLimits(settings.duckdb_memory_limit, paths.root / "tmp")
    connection = open_read_only(path.resolve(), limits)
    try:
        yield connection
    finally:
        connection.close()


# Dates of a broken clock (the year 1, say) are no part of the history, as in the report.
_SUMMARY = """
with days as (
    select full_date
    from marts.agg_daily_summary
    inner join marts.dim_date using (date_key)
    where year between 2000 and 2100
)
select
    (select count(*) from marts.dim_sessions) as sessions,
    (select count(distinct project_id) from marts.dim_sessions) as projects,
    (select count(*) from marts.fct_messages where not is_copy) as messages,
    (select count(*) from marts.fct_messages where is_human_prompt) as prompts,
    (select count(*) from marts.fct_tool_calls) as tool_calls,
    (select count(*) from marts.fct_api_requests) as api_requests,
    (select coalesce(sum(input_tokens + output_tokens + cache_read_tokens + cache_creation_tokens), 0)
     from marts.fct_api_requests) as tokens,
    (select sum(cost_usd)::double from marts.fct_api_requests) as cost_usd,
    (select min(full_date) from days) as first_date,
    (select max(full_date) from days) as last_date,
    (select coalesce(sum(lines), 0) from (
        select max(lines) as lines from raw.transcript_files group by source_file  -- once, if the machine was renamed
    )) as lines,
    (select count(*) from raw.dead_letters) as lines_set_aside
"""


def summarise(settings: Settings) -> Summary:
    """Count what is published."""
    with published(settings) as connection:
        cursor = connection.execute(_SUMMARY)
        names = [column[0] for column in cursor.description or []]
        row = cursor.fetchone()
    assert row is not None  # a select without a from has one row
    return Summary.model_validate(dict(zip(names, row, strict=True)))
