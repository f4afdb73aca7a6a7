"""`insights`: possible savings, drift in model behaviour, and the cost effect of changes."""

import argparse
from collections.abc import Iterator
from typing import Any

from cli.quick import COMMANDS
from cli.quick.database import Published, open_published
from cli.quick.footer import published_when, zone
from cli.quick.insights import Insights, read_insights, rule_of
from cli.quick.options import Parser, add_filters, at_least_one, check
from cli.quick.places import find_places
from cli.quick.selection import select
from cli.quick.table import Column, Table, name, terminal_columns
from cli.quick.text import cut, plain
from cli.quick.usage_json import moment, print_csv, print_json
from dashboards.formats import show

_SHOWN = 10
_KIND_COLUMNS = [
    Column("Possible savings", right=False, least=20),
    Column("Kind", right=False),
    Column("Findings", spare=2),
    Column("Sessions", spare=1),
    Column("Dollars"),
]
_FINDING_COLUMNS = [
    Column("Session", right=False),
    Column("When", right=False, spare=2),
    Column("Project", right=False, least=10, spare=3),
    Column("Kind", right=False, spare=1),
    Column("Dollars"),
    Column("Found", right=False, least=30),
]
_PARTS = ("prompts", "context", "output", "models", "cache", "prices", "searches")
_CHANGE_COLUMNS = [
    Column("From", right=False),
    Column("Change", right=False, least=16),
    Column("Before"),
    Column("After"),
    *(Column(part.capitalize(), spare=len(_PARTS) - place) for place, part in enumerate(_PARTS)),
]
_FIELDS = (
    *(
        "kind",
        "sessionId",
        "sessionTitle",
        "project",
        "occurredAt",
        "quantity",
        "unit",
        "tokens",
        "savedUsd",
        "evidence",
    ),
)


def main(command: str, arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    options = _parse(command, arguments)
    with open_published(find_places(options.data)) as published:
        if options.sql:
            print(rule_of(published, options.sql))
            return 0
        selection = select(published, options.since, options.until, options.project)
        found = read_insights(published, selection, options.since, options.until, options.kind)
        if options.as_json:
            print_json(_as_json(found, options.last))
        elif options.as_csv:
            print_csv((_finding(row) for row in found.findings[: options.last]), list(_FIELDS))
        else:
            print("\n".join(_lines(published, found, options.last or _SHOWN)))
    return 0


def _parse(command: str, arguments: list[str]) -> argparse.Namespace:
    parser = Parser(command, COMMANDS[command].help)
    add_filters(parser, model=False)
    parser.add_argument("-k", "--kind", metavar="KIND", help="only this kind of findings: cold_cache")
    parser.add_argument(
        "--last",
        type=at_least_one,
        metavar="N",
        help="only the N most expensive findings and the N newest alarms and changes",
    )
    parser.add_argument("--sql", metavar="KIND", help="print the SQL rule of this kind, for ./analytics sql")
    parser.add_argument("-j", "--json", action="store_true", dest="as_json", help="print JSON")
    parser.add_argument("--csv", action="store_true", dest="as_csv", help="print the findings as CSV")
    parser.set_defaults(timezone=None)
    options = parser.parse_args(arguments)
    check(options)
    return options


def _as_json(found: Insights, last: int | None) -> dict[str, Any]:
    return {
        "kinds": [_camel(row) for row in found.kinds],
        "findings": [_finding(row) for row in found.findings[:last]],
        "driftAlarms": [_camel(row) for row in found.alarms[:last]],
        "costChanges": [_camel(row) for row in found.changes[:last]],
    }


def _camel(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with the keys of JSON; what could be saved is never called a cost."""
    named = {"savedUsd" if key == "cost_usd" else key: value for key, value in row.items()}
    return {key[0] + key.title().replace("_", "")[1:] if "_" in key else key: value for key, value in named.items()}


def _finding(row: dict[str, Any]) -> dict[str, Any]:
    known = _camel(row) | {"occurredAt": moment(row["occurred_at"])}
    return {field: known[field] for field in _FIELDS}


def _lines(published: Published, found: Insights, count: int) -> Iterator[str]:
    columns = terminal_columns()
    yield from _findings(published, found, count, columns)
    yield ""
    yield from _alarms(found, count, columns)
    yield ""
    yield from _changes(found, count, columns)
    yield ""
    yield f"Days start at midnight in {published.timezone} (TIMEZONE). {published_when(published)}"
    if published.is_sample:
        yield "This is a generated sample, not your history: ./analytics run reads yours."


def _findings(published: Published, found: Insights, count: int, columns: int) -> Iterator[str]:
    if not found.findings:
        yield "No possible savings were found in this selection."
        return
    kinds = Table(list(_KIND_COLUMNS))
    for row in found.kinds:
        counts = [show(row[number], "count") for number in ("findings", "sessions")]
        kinds.rows.append([row["title"], row["kind"], *counts, show(row["cost_usd"], "usd")])
    yield from kinds.lines(columns)
    yield "Dollars that could have been saved, at list price. Kinds overlap: their dollars do not add up."
    yield "What to do: docs/insights.md. The rule of a kind: ./analytics insights --sql KIND."
    yield ""
    table = Table(list(_FINDING_COLUMNS))
    local = zone(published.timezone)
    for row in found.findings[:count]:
        when = show(row["occurred_at"].astimezone(local), "time")
        about = [name((row["session_id"] or "–")[:8], ""), when, name(row["project"], "no project")]  # noqa: RUF001  the sign for: no value
        table.rows.append([*about, row["kind"], show(row["cost_usd"], "usd"), plain(row["evidence"])])
    yield from table.lines(columns)
    if len(found.findings) > count:
        shown, whole = show(count, "count"), show(len(found.findings), "count")
        yield f"The {shown} most expensive of {whole}; --last {len(found.findings)} shows all."
    yield "./analytics show SESSION prints a session."


def _alarms(found: Insights, count: int, columns: int) -> Iterator[str]:
    if not found.alarms:
        yield "Drift: every model metric is within its usual range, or there is too little history to tell."
        return
    yield "Drift: model metrics that differ from the preceding weeks."
    for row in found.alarms[:count]:
        yield cut(f"  {row['day']}  {plain(row['evidence'])}", columns)
    if len(found.alarms) > count:
        yield f"The newest {show(count, 'count')} of {show(len(found.alarms), 'count')}."


def _changes(found: Insights, count: int, columns: int) -> Iterator[str]:
    if not found.changes:
        yield "Changes: too few prompts before or after every change to compare the cost."
        return
    yield "Changes: cost before and after, and the parts that add up to the difference."
    table = Table(list(_CHANGE_COLUMNS))
    for row in found.changes[:count]:
        dollars = [row["cost_before_usd"], row["cost_after_usd"], *(row[f"from_{part}_usd"] for part in _PARTS)]
        what = row["subject"] if row["kind"] == "period" else f"{row['kind']} {row['subject']}"
        table.rows.append([row["day"], plain(what), *(show(value, "usd") for value in dollars)])
    yield from table.lines(columns)
    if len(found.changes) > count:
        yield f"The newest {show(count, 'count')} of {show(len(found.changes), 'count')}."
