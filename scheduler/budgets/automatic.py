"""Closing months by itself, where STATEMENT_CLOSE_DAYS says after how many days."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog

from common.duckdb_files import open_read_only
from common.paths import DataPaths, DuckDBVolume
from common.settings import Settings
from scheduler.budgets.closing import Figures, close, last_of
from scheduler.budgets.notices import budgets_refresh
from scheduler.budgets.statements import Statements
from scheduler.pipeline_parts import Refresh
from scheduler.publish import Generation

log = structlog.get_logger()

_OPEN = """
select distinct strftime(month_start, '%Y-%m') as month
from marts.agg_monthly_statement
where not is_closed
order by month
"""


def budget_refreshes(settings: Settings) -> list[Refresh]:
    """Return what follows a generation for budgets and statements, as the settings say."""
    paths, days = DataPaths.of(settings), settings.statement_close_days
    closes = [] if days is None else [closing_refresh(paths.duckdb, paths.statements, days)]
    return [budgets_refresh(paths.duckdb), *closes]


def closing_refresh(volume: DuckDBVolume, folder: Path, days: int) -> Refresh:
    """Return what closes the months that ended at least so many days ago, as soon as one did."""
    statements = Statements(folder)

    def nothing_is_due(generation: Generation) -> bool:
        with _published(volume, generation) as figures:
            return not _due(figures, statements, days)

    return Refresh(
        "statements", lambda generation: close_ended(volume, statements, generation, days), holds=nothing_is_due
    )


def close_ended(volume: DuckDBVolume, statements: Statements, generation: Generation, days: int) -> None:
    """Close these months at this generation's figures."""
    with _published(volume, generation) as figures:
        for month in _due(figures, statements, days):
            statement = close(statements, figures, month)
            log.info("statement.closed", month=month, amount_usd=statement["amount_usd"])


def _due(figures: Figures, statements: Statements, days: int) -> list[str]:
    """Return the open months that ended so many days ago and before the figures were published."""
    assert figures.published_at is not None  # a generation says when it was
    zone, closed = ZoneInfo(figures.timezone), statements.months()
    until = min(
        _day(datetime.now(UTC), zone) - timedelta(days=days), _day(figures.published_at, zone) - timedelta(days=1)
    )
    months = [row["month"] for row in figures.rows(_OPEN)]
    return [month for month in months if month not in closed and last_of(month) <= until]


def _day(moment: datetime, zone: ZoneInfo) -> date:
    return moment.astimezone(zone).date()


@contextmanager
def _published(volume: DuckDBVolume, generation: Generation) -> Iterator[Figures]:
    zone = generation.facts.get("dbt_vars", {}).get("timezone", "UTC")
    file = volume.database_of(generation.number)
    with closing(open_read_only(file)) as connection:
        yield Figures(connection, generation.number, generation.created_at, zone)
