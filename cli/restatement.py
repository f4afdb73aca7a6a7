"""`./analytics restatement`: which published figures are not what they were on a day, and why."""

from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from cli.terminal import AsJson, Data, console, one_line_errors, settings_of
from common.errors import UsageError
from common.settings import Settings

if TYPE_CHECKING:
    from scheduler.figures import Restated

_SHOWN = 40


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(restatement)


def restatement(
    since: Annotated[str, typer.Argument(metavar="DATE", help="The day whose published figures are compared.")],
    until: Annotated[
        str | None, typer.Argument(metavar="[DATE]", help="The day to compare with (default: today).")
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """List which figures have changed since they were published, and why."""
    from scheduler.figures import FiguresFile
    from scheduler.runner import figures_path

    with one_line_errors():
        settings = settings_of(data_dir=data)
        days = _day(since), _day(until) if until else _today(settings)
        changed = FiguresFile(figures_path(settings)).restated(*days)
        if as_json:
            console.print_json(data={"since": str(days[0]), "until": str(days[1]), "figures": [*map(_data, changed)]})
        else:
            _show(console, changed, *days)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"expected a day as YYYY-MM-DD, found {text!r}") from None


def _today(settings: Settings) -> date:
    return datetime.now(UTC).astimezone(ZoneInfo(settings.timezone)).date()


def _data(changed: "Restated") -> dict[str, object]:
    figures = {name: getattr(changed, name)._asdict() for name in ("before", "after")}
    return asdict(changed) | {"date": _date(changed), "model": changed.model or None} | figures


def _date(changed: "Restated") -> str | None:
    text = str(changed.date_key)
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if changed.date_key else None


def _show(out: Console, changed: "list[Restated]", since: date, until: date) -> None:
    if not changed:
        out.print(f"No figure up to {since} has changed between {since} and {until}.", highlight=False)
        return
    numbers = [Column(name, justify="right") for name in ("tokens", "change", "cost", "change")]
    table = Table("day", "model", *numbers, "why", show_edge=False)
    for figure in changed[:_SHOWN]:
        table.add_row(
            _date(figure) or "not recorded",
            escape(figure.model or "not recorded"),
            *_numbers([figure]),
            ", ".join(figure.causes),
        )
    table.add_section()
    table.add_row(f"all {len(changed)}", "", *_numbers(changed), "")
    out.print(f"Figures of days up to {since}, as published on {since} and on {until}:", highlight=False)
    out.print(table, highlight=False)
    if len(changed) > _SHOWN:
        out.print(f"The first {_SHOWN} of {len(changed)} are shown; --json prints all.", highlight=False)


def _numbers(changed: "list[Restated]") -> tuple[str, str, str, str]:
    """Return tokens and cost as they are now, each with what it changed by."""
    tokens, cost = sum(figure.after.tokens for figure in changed), sum(figure.after.cost for figure in changed)
    more = tokens - sum(figure.before.tokens for figure in changed)
    dearer = cost - sum(figure.before.cost for figure in changed)
    return f"{tokens:,}", f"{more:+,}", f"${cost:,.2f}", f"{'-' if dearer < 0 else '+'}${abs(dearer):,.2f}"
