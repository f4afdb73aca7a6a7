"""The figures of `statusline`, in one small file beside `current` that is written after each publication.

The status line is updated about every second and may not open a database. The file is replaced atomically, so a reader
finds the old figures or the new ones.
"""

import json
import os
from pathlib import Path
from typing import Any

import duckdb

from common.duckdb_files import open_read_only
from common.paths import DuckDBVolume
from scheduler.pipeline_parts import Refresh
from scheduler.publish import Generation

_DAYS = 3  # today, and yesterday for those who work past midnight, in whatever zone
_LATEST_DAYS = f"""
select
    make_date(date_key // 10000, date_key // 100 % 100, date_key % 100)::varchar as day,
    sum(total_tokens)::hugeint as tokens,
    sum(cast(cost_usd as decimal(28, 10)))::double as cost_usd
from marts.agg_daily_usage
where date_key is not null
group by date_key
order by date_key desc
limit {_DAYS}
"""
_LATEST_BLOCK = """
select
    epoch(block_started_at) as started_at, epoch(block_ends_at) as ends_at, epoch(first_request_at) as first_at,
    epoch(last_request_at) as last_at, total_tokens as tokens, cost_usd
from marts.agg_usage_blocks
order by block_started_at desc
limit 1
"""
_NEAREST_BUDGET = """
select budget_name as name, used_share, period_end::varchar as until
from marts.fct_budget_periods
where is_current and used_share is not null
order by used_share desc
limit 1
"""


def statusline_refresh(volume: DuckDBVolume) -> Refresh:
    """Return the refresh that writes the file after each publication, and if it is missing."""
    return Refresh(
        "statusline",
        lambda generation: write_statusline_file(volume, generation),
        lambda generation: _is_of(volume.statusline, generation),
    )


def write_statusline_file(volume: DuckDBVolume, generation: Generation) -> None:
    """Write the figures of this generation."""
    with open_read_only(volume.database_of(generation.number)) as connection:
        days, blocks = _rows(connection, _LATEST_DAYS), _rows(connection, _LATEST_BLOCK)
        budgets = _rows(connection, _NEAREST_BUDGET)
    said = {
        "generation": generation.number,
        "published_at": generation.created_at.timestamp(),
        "timezone": generation.facts.get("dbt_vars", {}).get("timezone", "UTC"),
        "days": {row.pop("day"): row for row in days},
        "block": blocks[0] if blocks else None,
        "budget": budgets[0] if budgets else None,
    }
    _replace(volume.statusline, json.dumps(said) + "\n")


def _rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    cursor = connection.execute(sql)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _is_of(file: Path, generation: Generation) -> bool:
    try:
        return bool(json.loads(file.read_bytes())["generation"] == generation.number)
    except (OSError, ValueError, KeyError, TypeError):  # missing or damaged: it is rewritten
        return False


def _replace(file: Path, text: str) -> None:
    new = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    new.write_text(text, encoding="utf-8")
    new.replace(file)
