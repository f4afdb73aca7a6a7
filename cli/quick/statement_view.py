"""What `statement` shows: a month with its rows, or every month and how it stands; as a table, JSON and CSV."""

import calendar
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from cli.quick.database import Published
from cli.quick.footer import published_when
from cli.quick.table import Column, Table, name, terminal_columns
from cli.quick.text import plain
from dashboards.formats import show
from scheduler.budgets.closing import Shown, added
from scheduler.budgets.statements import Statement, Statements

_TOKENS = ("input_tokens", "output_tokens", "cache_creation_tokens", "cache_read_tokens")
_TOKEN_KEYS = ("inputTokens", "outputTokens", "cacheCreationTokens", "cacheReadTokens")
_MONTHS = """
select strftime(month_start, '%Y-%m') as month, sum(amount_usd)::decimal(20, 2) as today
from marts.agg_cost_centre_months group by month_start order by month_start
"""


@dataclass(frozen=True)
class StatementView:
    """One month: the closed statement or today's rows."""

    month: str
    closed: Statement | None
    rows: list[dict[str, Any]]
    shown: Shown | None
    """The currency beside US dollars."""
    amount_usd: Decimal
    differences: list[dict[str, Any]] | None = field(default_factory=list)
    """What today's figures would change; None where that is not known before the next run."""
    today_usd: Decimal | None = None
    replaced_by: int | None = None
    """The version that counts, where this one does not."""

    @property
    def amount(self) -> Decimal | None:
        """The sum in the currency beside US dollars."""
        return added([row["amount"] for row in self.rows]) if self.shown else None

    def record(self) -> dict[str, Any]:
        """Return the statement for machines."""
        closed = self.closed or {}
        rate = {"usdRate": float(self.shown.usd_rate), "rateFrom": self.shown.rate_from} if self.shown else {}
        return {
            "month": self.month,
            "isClosed": self.closed is not None,
            "version": closed.get("version"),
            "closedAt": closed.get("closed_at"),
            "reason": closed.get("reason"),
            "currency": self.shown.currency if self.shown else None,
            **rate,
            "totalUSD": float(self.amount_usd),
            "total": None if self.amount is None else float(self.amount),
            "rows": self.records(),
            "todayUSD": None if self.today_usd is None else float(self.today_usd),
            "differences": None if self.differences is None else [_difference(row) for row in self.differences],
            "restated": [_difference(row) for row in closed.get("differences", [])],
        }

    def records(self) -> list[dict[str, Any]]:
        """Return the rows for machines."""
        return [_record(self.month, row) for row in self.rows]

    def fields(self) -> list[str]:
        """Return the names of a row's values."""
        return list(_record(self.month, dict.fromkeys((*_ROW_COLUMNS, *_TOKENS))))


_ROW_COLUMNS = (
    *("team", "cost_centre", "project_id", "project_name", "model", "response_count", "unpriced_response_count"),
    *("cost_usd", "amount_usd", "amount"),
)


def _record(month: str, row: dict[str, Any]) -> dict[str, Any]:
    return {
        "month": month,
        "team": row["team"],
        "costCentre": row["cost_centre"],
        "project": row["project_name"],
        "projectPath": row["project_id"],
        "model": row["model"],
        "responses": row["response_count"],
        "unpricedResponses": row["unpriced_response_count"],
        **{key: row[column] for key, column in zip(_TOKEN_KEYS, _TOKENS, strict=True)},
        "costUSD": _number(row["cost_usd"]),
        "amountUSD": _number(row["amount_usd"]),
        "amount": _number(row["amount"]),
    }


def _difference(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "team": row["team"],
        "costCentre": row["cost_centre"],
        "project": row["project_name"],
        "model": row["model"],
        "cause": row["cause"],
        "responses": row["response_difference"],
        "tokens": int(row["token_difference"]),
        "costUSD": _number(row["cost_difference_usd"]),
    }


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def read_row(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of a closed statement with its amounts as numbers."""
    amounts = {name: row[name] and Decimal(row[name]) for name in ("cost_usd", "amount_usd", "amount")}
    return row | amounts


def frozen_currency(closed: Statement) -> Shown | None:
    """Return the currency that a statement was closed with, at the rate of then."""
    if closed["currency"] is None:
        return None
    return Shown(closed["currency"], Decimal(closed["usd_rate"]), date.fromisoformat(closed["rate_from"]))


def table(published: Published, view: StatementView) -> list[str]:
    """Return the lines that a terminal shows of a month."""
    if not view.rows:
        return [f"There are no responses in {view.month}.", published_when(published)]
    columns = [
        Column("Team", right=False, least=8, spare=2),
        Column("Cost centre", right=False, least=12),
        Column("Project", right=False, least=12),
        Column("Model", right=False, least=12),
        Column("Responses", spare=4),
        Column("Tokens", spare=3),
        Column("USD"),
        *([Column(view.shown.currency)] if view.shown else []),
    ]
    sheet = Table(columns, [_cells(view, row) for row in view.rows])
    responses = show(sum(row["response_count"] for row in view.rows), "count")
    total = [responses, show(sum(map(_tokens, view.rows)), "tokens"), cents(view.amount_usd)]
    sheet.totals.append(["Total", "", "", "", *total, *([cents(view.amount)] if view.shown else [])])
    return [*sheet.lines(terminal_columns()), *_footer(published, view)]


def _cells(view: StatementView, row: dict[str, Any]) -> list[str]:
    names = [name(row["team"], "–"), name(row["cost_centre"], ""), name(row["project_name"], "no project")]  # noqa: RUF001
    figures = [show(row["response_count"], "count"), show(_tokens(row), "tokens"), cents(row["amount_usd"])]
    return [*names, name(row["model"], "unknown"), *figures, *([cents(row["amount"])] if view.shown else [])]


def _tokens(row: dict[str, Any]) -> int:
    return sum(int(row[kind]) for kind in _TOKENS)


def cents(amount: Decimal | None) -> str:
    """Return an amount to the cent; these columns are to be added up."""
    return "unknown" if amount is None else f"{amount:,.2f}"


def _footer(published: Published, view: StatementView) -> list[str]:
    lines = []
    if unpriced := sum(row["unpriced_response_count"] for row in view.rows):
        lines.append(f"{show(unpriced, 'count')} responses have no known price and are not included in any amount.")
    if view.shown:
        lines.append(f"1 {view.shown.currency} = {view.shown.usd_rate.normalize():f} USD since {view.shown.rate_from}.")
    lines += _standing(view)
    return [*lines, f"Months start at midnight in {published.timezone} (TIMEZONE). {published_when(published)}"]


def _standing(view: StatementView) -> list[str]:
    """Say whether the month is closed, and what today's figures would change."""
    if view.closed is None:
        return [f"{_spoken(view.month)} is open: new lines, prices and rules change it until it is closed."]
    reason = f" ({plain(view.closed['reason'])})" if view.closed["reason"] else ""
    version, when = view.closed["version"], view.closed["closed_at"][:10]
    closed = f"{_spoken(view.month)} is closed at {cents(view.amount_usd)} USD, version {version} of {when}{reason}"
    if view.replaced_by:
        return [f"{closed}; version {view.replaced_by} has replaced it."]
    if view.differences is None:
        return [f"{closed}; whether today's figures differ is known after the next ./analytics run."]
    if not view.differences:
        return [f"{closed}; today's figures agree with it."]
    advice = f'./analytics statement --restate {view.month} --reason "..." or leave it'
    return [f"{closed}; today's figures give {cents(view.today_usd)}: {advice}.", *_listed(view.differences)]


def _listed(changes: list[dict[str, Any]]) -> list[str]:
    columns = [
        Column("What would change", right=False, least=12),
        Column("Project", right=False, least=12),
        Column("Model", right=False, least=12, spare=1),
        Column("Cause", right=False),
        Column("Responses", spare=2),
        Column("Tokens", spare=3),
        Column("USD"),
    ]
    sheet = Table(columns, [_change(change) for change in changes])
    total = sum((Decimal(str(change["cost_difference_usd"])) for change in changes), Decimal(0))
    sheet.totals.append(["Together", "", "", "", "", "", f"{total:+,.4f}"])
    return ["", *sheet.lines(terminal_columns()), ""]


def _change(change: dict[str, Any]) -> list[str]:
    who = [
        name(change["cost_centre"], ""),
        name(change["project_name"], "no project"),
        name(change["model"], "unknown"),
    ]
    figures = [f"{change['response_difference']:+,}", f"{int(change['token_difference']):+,}"]
    return [*who, change["cause"], *figures, f"{Decimal(str(change['cost_difference_usd'])):+,.4f}"]


def _spoken(month: str) -> str:
    return f"{calendar.month_name[int(month[5:])]} {month[:4]}"


@dataclass(frozen=True)
class MonthsView:
    """Every month: what it was closed at, and what today's figures give."""

    months: list[dict[str, Any]]

    def record(self) -> dict[str, Any]:
        """Return the months for machines."""
        return {"months": self.records()}

    def records(self) -> list[dict[str, Any]]:
        """Return a record for each month."""
        return [{key: _plain(value) for key, value in month.items()} for month in self.months]

    def fields(self) -> list[str]:
        """Return the names of a month's values."""
        return ["month", "isClosed", "version", "closedAt", "totalUSD", "todayUSD"]


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def months(published: Published, statements: Statements) -> MonthsView:
    """Return how every month stands."""
    today: dict[str, Decimal | None] = {row["month"]: row["today"] for row in published.rows(_MONTHS)}
    return MonthsView(
        [_month(month, statements.latest(month), today.get(month)) for month in sorted({*today, *statements.months()})]
    )


def _month(month: str, closed: Statement | None, today: Decimal | None) -> dict[str, Any]:
    return {
        "month": month,
        "isClosed": closed is not None,
        "version": closed["version"] if closed else None,
        "closedAt": closed["closed_at"] if closed else None,
        "totalUSD": Decimal(closed["amount_usd"]) if closed else today,
        "todayUSD": today,
    }


def months_table(view: MonthsView) -> list[str]:
    """Return the lines that a terminal shows of all months."""
    if not view.months:
        return ["There are no responses yet."]
    columns = [Column("Month", right=False), Column("State", right=False), Column("USD"), Column("Today's figures")]
    sheet = Table(columns)
    for month in view.months:
        state = f"closed, version {month['version']}" if month["isClosed"] else "open"
        sheet.rows.append([month["month"], state, cents(month["totalUSD"]), cents(month["todayUSD"])])
    return sheet.lines(terminal_columns())
