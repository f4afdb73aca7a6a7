"""`budgets`: each budget in its running period, from marts.fct_budget_periods; with --all in every period."""

import argparse
from typing import Any

from cli.quick import COMMANDS
from cli.quick.database import Published, open_published
from cli.quick.footer import published_when
from cli.quick.options import Parser
from cli.quick.places import find_places
from cli.quick.table import Column, Table, name, terminal_columns
from cli.quick.text import plain
from cli.quick.usage_json import print_csv, print_json
from common.errors import UsageError
from dashboards.formats import show
from scheduler.budgets.words import money

_PERIODS = """
select * exclude (thresholds, alerts_on_forecast, budget_period_key, position)
from marts.fct_budget_periods
where is_current or $all
order by position, period_start
"""
_COLUMNS = (
    Column("Budget", right=False, least=12),
    Column("Period", right=False),
    Column("Amount"),
    Column("Spent"),
    Column("Used"),
    Column("Left", spare=3),
    Column("Forecast", spare=1),
    Column("Between", spare=4),
    Column("In USD", spare=2),
)


def main(command: str, arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    options = _parse(command, arguments)
    with open_published(find_places(options.data)) as published:
        periods = published.rows(_PERIODS, {"all": options.all})
        if options.as_json:
            print_json({"budgets": [_record(period) for period in periods]})
        elif options.as_csv:
            print_csv([_record(period) for period in periods], list(_record(None)))
        else:
            _print_table(published, periods)
    return 0


def _parse(command: str, arguments: list[str]) -> argparse.Namespace:
    parser = Parser(command, COMMANDS[command].help)
    parser.add_argument(
        "-a", "--all", action="store_true", help="every period of the history, not only the running one"
    )
    parser.add_argument("-j", "--json", action="store_true", dest="as_json", help="print JSON")
    parser.add_argument("--csv", action="store_true", dest="as_csv", help="print CSV")
    options = parser.parse_args(arguments)
    if options.as_json and options.as_csv:
        raise UsageError("--json and --csv exclude each other; leave one out")
    return options


_KEYS = {
    "budget": "budget_name",
    "scope": "scope",
    "scopeName": "scope_name",
    "period": "period",
    "periodStart": "period_start",
    "periodEnd": "period_end",
    "isCurrent": "is_current",
    "asOf": "as_of",
    "currency": "currency",
    "amount": "amount",
    "spent": "spent",
    "remaining": "remaining",
    "usedShare": "used_share",
    "amountUSD": "amount_usd",
    "spentUSD": "spent_usd",
    "usdRate": "usd_rate",
    "rateFrom": "rate_from",
    "forecastUSD": "forecast_usd",
    "forecastLowUSD": "forecast_low_usd",
    "forecastHighUSD": "forecast_high_usd",
    "forecastShare": "forecast_share",
    "historyWeeks": "history_weeks",
    "unpricedResponses": "unpriced_response_count",
}


def _record(period: dict[str, Any] | None) -> dict[str, Any]:
    """Return a period for machines: what is not known is null."""
    return {key: _plain(period[column]) if period else None for key, column in _KEYS.items()}


def _plain(value: Any) -> Any:
    return float(value) if type(value).__name__ == "Decimal" else value


def _print_table(published: Published, periods: list[dict[str, Any]]) -> None:
    if periods:
        print("\n".join(Table(list(_COLUMNS), [_cells(period) for period in periods]).lines(terminal_columns())))
    else:
        print("There is no budget: docs/budgets.md says how to write one into cost-centres.yaml.")
    print("\n".join(_footer(published, periods)))


def _cells(period: dict[str, Any]) -> list[str]:
    code, rate = period["currency"], period["usd_rate"]
    figures = [_money(period[column], code) for column in ("amount", "spent")]
    low, high = (_in(period[f"forecast_{end}_usd"], rate, code) for end in ("low", "high"))
    known = period["forecast_usd"] is not None and rate is not None
    return [
        name(period["budget_name"], ""),
        f"{period['period']} {period['period_start']}",
        *figures,
        show(period["used_share"], "percent"),
        _money(period["remaining"], code),
        _in(period["forecast_usd"], rate, code),
        f"{low} – {high}" if known else "",  # noqa: RUF001 (the sign for: from, to)
        show(period["spent_usd"], "usd") if code != "USD" else "",
    ]


def _in(value_usd: float | None, rate: float | None, code: str) -> str:
    return "not known" if value_usd is None or rate is None else money(value_usd / rate, code)


def _money(value: Any, code: str) -> str:
    return "no rate" if value is None else money(float(value), code)


def _footer(published: Published, periods: list[dict[str, Any]]) -> list[str]:
    lines = []
    if unpriced := sum(period["unpriced_response_count"] for period in periods if period["is_current"]):
        lines.append(f"{show(unpriced, 'count')} responses have no known price and are not included in any total.")
    rates = {period["currency"]: period for period in periods if period["currency"] != "USD" and period["is_current"]}
    for code, period in rates.items():
        rate = period["usd_rate"]
        lines.append(f"1 {code} = {rate:g} USD since {period['rate_from']}." if rate else _without_rate(code))
    if any(period["is_current"] and period["forecast_usd"] is None for period in periods):
        lines.append("A forecast needs four weeks of history.")
    if problem := next((row["problem"] for row in published.rows("from marts.dim_budget_settings")), None):
        lines.append(f"Needs attention: {plain(problem)}")
    as_of = f"Budgets as of {periods[0]['as_of']} in {published.timezone}. " if periods else ""
    return [*lines, f"{as_of}{published_when(published)}"]


def _without_rate(code: str) -> str:
    return f"No rate of {code} is known for these periods: add it to CURRENCY_RATES, then ./analytics run."
