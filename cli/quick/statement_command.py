"""`statement`: a month by cost centre, project and model, to the cent; `--close` and `--restate` write it for good."""

import argparse
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from cli.quick import COMMANDS, statement_view
from cli.quick.database import open_published
from cli.quick.options import Parser
from cli.quick.places import find_places
from cli.quick.usage_json import print_csv, print_json
from common.currency import currency_code
from common.errors import UsageError
from scheduler.budgets.closing import (
    Figures,
    added,
    close,
    differences,
    first_of,
    in_currency,
    restate,
    shown_currency,
    today_amount,
)
from scheduler.budgets.statements import Statement, Statements

_ROWS = """
select * exclude (statement_row_key, month_start)
from marts.agg_cost_centre_months
where month_start = ?
order by team nulls last, cost_centre, project_name nulls last, model, project_id
"""


def main(command: str, arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    options = _parse(command, arguments)
    places = find_places(options.data)
    statements = Statements(places.statements)
    with open_published(places) as published:
        figures = Figures(published.connection, published.generation, published.created_at, published.timezone)
        month = options.close or options.restate or options.month
        if month is None:
            _show(options, statement_view.months(published, statements), statement_view.months_table)
            return 0
        if options.close:
            close(statements, figures, month, options.currency)
        elif options.restate:
            restate(statements, figures, month, options.reason.strip())
        view = _view(statements, figures, month, options)
        _show(options, view, lambda shown: statement_view.table(published, shown))
    return 0


def _parse(command: str, arguments: list[str]) -> argparse.Namespace:
    parser = Parser(command, COMMANDS[command].help)
    parser.add_argument("month", nargs="?", metavar="MONTH", help="YYYY-MM; without it, all months and their state")
    parser.add_argument("--close", metavar="MONTH", help="close a month that has ended, which fixes its figures")
    parser.add_argument("--restate", metavar="MONTH", help="close it again at today's figures; needs --reason")
    parser.add_argument("--reason", metavar="TEXT", help="the reason, stored with the new version")
    parser.add_argument("--version", type=int, metavar="N", help="an earlier version of a closed month")
    parser.add_argument("--currency", metavar="CODE", help="show it in this currency as well (CURRENCY)")
    parser.add_argument("-j", "--json", action="store_true", dest="as_json", help="print JSON")
    parser.add_argument("--csv", action="store_true", dest="as_csv", help="print CSV")
    options = parser.parse_args(arguments)
    _check(options)
    return options


def _check(options: argparse.Namespace) -> None:
    if options.as_json and options.as_csv:
        raise UsageError("--json and --csv exclude each other; leave one out")
    months = [month for month in (options.month, options.close, options.restate) if month is not None]
    if len(months) > 1:
        raise UsageError("expected one month: MONTH, --close MONTH or --restate MONTH")
    for month in months:
        first_of(month)
    if bool(options.restate) != bool((options.reason or "").strip()):
        raise UsageError("--restate MONTH and --reason TEXT belong together; pass both")
    if options.currency is not None:
        try:
            options.currency = currency_code(options.currency)
        except ValueError as error:
            raise UsageError(f"--currency: {error}, found {options.currency!r}") from None


def _view(
    statements: Statements, figures: Figures, month: str, options: argparse.Namespace
) -> statement_view.StatementView:
    """Return what is shown of a month: the closed statement, or what today's figures give."""
    versions = statements.versions(month)
    closed = _wanted(versions, month, options.version)
    if closed is None:
        rows = figures.rows(_ROWS, [first_of(month)])
        shown = shown_currency(figures, month, options.currency)
        amounts = in_currency([row["cost_usd"] for row in rows], shown)
        rows = [row | {"amount": amount} for row, amount in zip(rows, amounts, strict=True)]
        return statement_view.StatementView(month, None, rows, shown, added([row["amount_usd"] for row in rows]))
    if closed["version"] < len(versions):
        view = _closed_view(figures, closed, options.currency)
        return replace(view, differences=None, today_usd=None, replaced_by=len(versions))
    return _closed_view(figures, closed, options.currency)


def _wanted(versions: list[Statement], month: str, version: int | None) -> Statement | None:
    if version is None:
        return versions[-1] if versions else None
    if not 0 < version <= len(versions):
        raise UsageError(f"--version: {month} has {len(versions)} closed versions, found {version}")
    return versions[version - 1]


def _closed_view(figures: Figures, closed: Statement, currency: str | None) -> statement_view.StatementView:
    rows = [statement_view.read_row(row) for row in closed["rows"]]
    shown = statement_view.frozen_currency(closed)
    if currency is not None and (shown is None or shown.currency != currency):
        shown = shown_currency(figures, closed["month"], currency)
        amounts = in_currency([row["cost_usd"] for row in rows], shown)
        rows = [row | {"amount": amount} for row, amount in zip(rows, amounts, strict=True)]
    return statement_view.StatementView(
        closed["month"],
        closed,
        rows,
        shown,
        Decimal(closed["amount_usd"]),
        differences(figures, closed),
        today_amount(figures, closed["month"]),
    )


def _show(options: argparse.Namespace, view: Any, table: Callable[[Any], list[str]]) -> None:
    if options.as_json:
        print_json(view.record())
    elif options.as_csv:
        print_csv(view.records(), view.fields())
    else:
        print("\n".join(table(view)))
