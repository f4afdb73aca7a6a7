"""Closing a month: published figures become a statement that stays, and a restatement its next version.

What is closed is what is published, so a statement can always be read beside the generation that it names.
"""

import calendar
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import duckdb

from common.errors import AnalyticsError, UsageError
from scheduler.budgets.money import cents_of_sum, converted
from scheduler.budgets.statements import Statement, Statements

_MEASURES = (
    *("response_count", "unpriced_response_count", "input_tokens", "output_tokens"),
    *("cache_read_tokens", "cache_creation_tokens"),
)
_ROWS = f"""
select team, cost_centre, project_id, project_name, model, {", ".join(_MEASURES)}, cost_usd, amount_usd
from marts.agg_cost_centre_months
where month_start = ?
order by team nulls last, cost_centre, project_name nulls last, model, project_id
"""
_SOURCES = """
select
    usage.project_id, usage.git_branch, usage.model,
    string_agg(distinct usage.price_key, ' ' order by usage.price_key) as price_keys,
    any_value(sources.team) as team, any_value(sources.cost_centre) as cost_centre,
    sum(usage.response_count)::bigint as response_count,
    sum(
        usage.input_tokens::hugeint + usage.output_tokens + usage.cache_read_tokens + usage.cache_creation_tokens
    ) as total_tokens,
    sum(usage.cost_usd)::decimal(38, 10) as cost_usd
from marts.agg_branch_usage as usage
inner join marts.dim_cost_sources as sources
    on usage.project_id is not distinct from sources.project_id
    and usage.git_branch is not distinct from sources.git_branch
inner join marts.dim_date as days on usage.date_key = days.date_key
where days.month_start = ?
group by usage.project_id, usage.git_branch, usage.model
order by all
"""
_DIFFERENCES = """
select
    team, cost_centre, project_id, project_name, model, cause, response_difference, token_difference,
    cost_difference_usd
from marts.fct_statement_differences
where month_start = ?
order by team nulls last, cost_centre, project_name nulls last, model, cause, project_id
"""


class ClosingError(AnalyticsError):
    """The month cannot be closed or restated now; the message says why, and what to do."""


class Figures(NamedTuple):
    """A published database, and what a statement says of it."""

    connection: duckdb.DuckDBPyConnection
    generation: int | None
    published_at: datetime | None
    timezone: str

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Return the answer's rows by column."""
        cursor = self.connection.execute(sql, list(parameters))
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


class Shown(NamedTuple):
    """The currency that a statement shows beside US dollars, its rate and that rate's first day."""

    currency: str
    usd_rate: Decimal
    rate_from: date


def first_of(month: str) -> date:
    """Read a month, as YYYY-MM. Raises UsageError for anything else."""
    if re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", month) and not month.startswith("0000"):
        return date(int(month[:4]), int(month[5:]), 1)
    raise UsageError(f"expected a month as YYYY-MM, found {month!r}")


def last_of(month: str) -> date:
    """Return the last day of a month."""
    first = first_of(month)
    return first.replace(day=calendar.monthrange(first.year, first.month)[1])


def shown_currency(figures: Figures, month: str, currency: str | None) -> Shown | None:
    """Return the currency to show beside US dollars, at the rate of the month's last day; None for dollars alone.

    Raises ClosingError where no rate is known for that day.
    """
    code = currency or next((row["currency"] for row in figures.rows("from marts.dim_budget_settings")), None)
    if code is None or code == "USD":
        return None
    sql = "select usd_rate, valid_from from marts.dim_currency_rates where currency = ? and valid_from <= ?"
    found = figures.rows(f"{sql} order by valid_from desc limit 1", [code, last_of(month)])
    if not found:
        raise ClosingError(
            f"no rate of {code} is known for {last_of(month)}: add it to CURRENCY_RATES, then ./analytics run"
        )
    return Shown(code, found[0]["usd_rate"], found[0]["valid_from"])


def in_currency(costs: Sequence[Decimal | None], shown: Shown | None) -> list[Decimal | None]:
    """Return costs in cents of the currency that is shown; they add up to their sum."""
    if shown is None:
        return [None] * len(costs)
    return cents_of_sum([converted(cost, shown.usd_rate) for cost in costs])


def close(statements: Statements, figures: Figures, month: str, currency: str | None = None) -> Statement:
    """Close a month that has ended, at what is published. Raises ClosingError where it cannot be closed."""
    if statements.latest(month):
        raise ClosingError(
            f"{month} is already closed; ./analytics statement --restate {month} lists what would change"
        )
    _check_published_since(figures, month)
    return statements.add(_drawn_up(figures, month, 1, shown_currency(figures, month, currency)))


def restate(statements: Statements, figures: Figures, month: str, reason: str) -> Statement:
    """Close a month again at what is published now, with what changed since, listed by row and cause."""
    latest = statements.latest(month)
    if latest is None:
        raise ClosingError(
            f"{month} is not closed, so there is nothing to restate: ./analytics statement --close {month}"
        )
    changes = differences(figures, latest)
    if changes is None:
        raise ClosingError(
            f"version {latest['version']} of {month} has not been compared with today's figures yet: ./analytics run"
        )
    if not changes:
        raise ClosingError(f"the figures of {month} have not changed since it was closed: there is nothing to restate")
    _check_problem(figures)
    shown = shown_currency(figures, month, latest["currency"]) if latest["currency"] else None
    fresh = _drawn_up(figures, month, latest["version"] + 1, shown)
    return statements.add(fresh | {"reason": reason, "differences": [_written(change) for change in changes]})


def differences(figures: Figures, statement: Statement) -> list[dict[str, Any]] | None:
    """Return what today's figures would change in a closed statement; None where that is not known yet."""
    month = f"{statement['month']}-01"
    sql = "select version from marts.fct_statement_versions where month_start = ? and is_latest"
    known = [row["version"] for row in figures.rows(sql, [month])]
    if known == [statement["version"]]:
        return figures.rows(_DIFFERENCES, [month])
    return [] if figures.generation is not None and statement["generation"] == figures.generation else None


def today_amount(figures: Figures, month: str) -> Decimal:
    """Return what today's lines, prices and rules give for a month, in US dollars."""
    sql = """
        select coalesce(sum(amount_usd), 0)::decimal(20, 2) as amount
        from marts.agg_cost_centre_months where month_start = ?
    """
    amount: Decimal = figures.rows(sql, [first_of(month)])[0]["amount"]
    return amount


def _check_published_since(figures: Figures, month: str) -> None:
    _check_problem(figures)
    zone = ZoneInfo(figures.timezone)
    if datetime.now(UTC).astimezone(zone).date() <= last_of(month):
        raise ClosingError(f"{month} has not ended: it can be closed from the first day after it")
    if figures.published_at is None or figures.published_at.astimezone(zone).date() <= last_of(month):
        raise ClosingError(f"nothing has been published since {month} ended: ./analytics run first, then close it")


def _check_problem(figures: Figures) -> None:
    if problem := next((row["problem"] for row in figures.rows("from marts.dim_budget_settings")), None):
        raise ClosingError(f"{problem}; correct it and run ./analytics run before you close a month")


def _drawn_up(figures: Figures, month: str, version: int, shown: Shown | None) -> Statement:
    first = first_of(month)
    rows = figures.rows(_ROWS, [first])
    if not rows:
        raise ClosingError(f"there are no responses in {month}, so there is nothing to close")
    amounts = in_currency([row["cost_usd"] for row in rows], shown)
    digest = "select rules_digest from marts.dim_budget_settings"
    return {
        "month": month,
        "version": version,
        "closed_at": datetime.now(UTC).isoformat(),
        "reason": None,
        "timezone": figures.timezone,
        "generation": figures.generation,
        "currency": shown.currency if shown else None,
        "usd_rate": str(shown.usd_rate) if shown else None,
        "rate_from": str(shown.rate_from) if shown else None,
        "amount_usd": str(added([row["amount_usd"] for row in rows])),
        "amount": str(added(amounts)) if shown else None,
        "rules_digest": next((row["rules_digest"] for row in figures.rows(digest)), None),
        "rows": [_written(row | {"amount": amount}) for row, amount in zip(rows, amounts, strict=True)],
        "sources": [_written(source) for source in figures.rows(_SOURCES, [first])],
        "differences": [],
    }


def added(amounts: Sequence[Decimal | None]) -> Decimal:
    """Return the sum of what is known."""
    return sum((amount for amount in amounts if amount is not None), Decimal("0.00"))


def _written(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as JSON keeps it: amounts as texts, to the last decimal."""
    return {name: str(value) if isinstance(value, Decimal) else value for name, value in row.items()}
