"""What people are told of budgets: thresholds that were reached, and forecasts above the budget.

Each publication writes what is so into a small file beside `current`; the alerts read it and tell each thing once. A
period that is over counts for a week, since late lines may come, and only if it was looked at while it ran: a budget
that is set up today tells nothing of last month.
"""

import json
from pathlib import Path
from typing import Any

import duckdb

from common.duckdb_files import open_read_only
from common.numbers import percent
from common.paths import DuckDBVolume
from common.private_files import replace_file
from scheduler.alerts import Notice
from scheduler.budgets.words import money
from scheduler.pipeline_parts import Refresh
from scheduler.publish import Generation

_DAYS = 7
_PERIODS = f"""
select
    budget_name, period, period_start::varchar as period_start, is_current, amount::double as amount, currency, spent,
    used_share, forecast_usd / usd_rate as forecast, forecast_share, thresholds, alerts_on_forecast
from marts.fct_budget_periods
where period_end >= as_of - {_DAYS}
order by position, period_start
"""


def budgets_refresh(volume: DuckDBVolume) -> Refresh:
    """Return what writes the file after each publication, and again where it is missing."""
    return Refresh("budgets", lambda generation: _write(volume, generation), lambda _: volume.budgets.exists())


def _write(volume: DuckDBVolume, generation: Generation) -> None:
    with open_read_only(volume.database_of(generation.number)) as connection:
        periods = _rows(connection, _PERIODS)
    replace_file(volume.budgets, json.dumps({"generation": generation.number, "periods": periods}).encode())


def _rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    cursor = connection.execute(sql)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def budget_notices(file: Path) -> list[Notice]:
    """Return what is to be told of the budgets that were published last; nothing where there are none."""
    try:
        periods = json.loads(file.read_bytes())["periods"]
    except (OSError, ValueError, KeyError, TypeError):  # before the first publication, or of another version
        return []
    return [notice for period in periods for notice in _of_period(period)]


def _of_period(period: dict[str, Any]) -> list[Notice]:
    name = f"budget {period['budget_name']} {period['period_start']}"
    seen = f"{name} seen"
    found = [Notice((seen,), None)] if period["is_current"] else []
    where = f"Budget {period['budget_name']}, {period['period']} from {period['period_start']}"
    needed = None if period["is_current"] else seen
    share = period["used_share"]
    reached = [threshold for threshold in period["thresholds"] if share is not None and share >= threshold]
    if reached:
        spent, amount = (money(period[figure], period["currency"]) for figure in ("spent", "amount"))
        keys = tuple(f"{name} {threshold:g}" for threshold in reached)
        found.append(Notice(keys, f"{where}: {spent} of {amount} spent ({percent(share)}).", needed))
    if period["alerts_on_forecast"] and period["is_current"] and (period["forecast_share"] or 0) > 1:
        end, amount = (money(period[figure], period["currency"]) for figure in ("forecast", "amount"))
        found.append(
            Notice((f"{name} forecast",), f"{where}: forecast {end} at the end of the period, over its {amount}.")
        )
    return found
