"""`daily`, `weekly`, `monthly`, `sessions`, `models`, `projects`: one question, grouped by something else each."""

import argparse
from typing import Any, NamedTuple

from cli.quick import COMMANDS
from cli.quick.database import Published, open_published
from cli.quick.footer import footer, zone
from cli.quick.options import Parser, add_filters, add_output, at_least_one, check
from cli.quick.places import find_places
from cli.quick.selection import select
from cli.quick.table import MEASURES, Column, Table, name, terminal_columns
from cli.quick.usage import DAYS, Usage, added, key_expression, project_facts, read_usage, session_facts
from cli.quick.usage_json import TOKEN_KEYS, measures, moment, print_csv, print_json, with_models
from dashboards.formats import show

_KEYS = {
    "daily": "date",
    "weekly": "week",
    "monthly": "month",
    "sessions": "sessionId",
    "models": "model",
    "projects": "project",
}
_TITLES = {
    "daily": "Day",
    "weekly": "Week from",
    "monthly": "Month",
    "sessions": "Session",
    "models": "Model",
    "projects": "Project",
}
_MISSING = {"sessions": "no session", "projects": "no project"}
_IN_TIME = ("daily", "weekly", "monthly")


class Answer(NamedTuple):
    """What was found, in the order to show, with what is known of each key."""

    rows: list[Usage]
    total: Usage
    facts: dict[str, dict[str, Any]]


def main(command: str, arguments: list[str]) -> int:
    """Run one of these commands and return its exit code."""
    options = _parse(command, arguments)
    with open_published(find_places(options.data)) as published:
        answer = _ask(published, command, options)
        if options.as_json:
            print_json(_as_json(command, options, answer))
        elif options.as_csv:
            rows = [_record(command, usage, answer.facts) for usage in answer.rows]
            print_csv(rows, _fields(command, options))
        else:
            _print_table(published, command, options, answer)
    return 0


def _parse(command: str, arguments: list[str]) -> argparse.Namespace:
    parser = Parser(command, COMMANDS[command].help)
    add_filters(parser)
    add_output(parser)
    parser.add_argument(
        "--last", type=at_least_one, metavar="N", help="only the newest (or most expensive) N rows; totals cover these"
    )
    if command == "daily":
        parser.add_argument("-i", "--instances", action="store_true", help="one row for each project")
    if command == "weekly":
        parser.add_argument("-w", "--start-of-week", choices=DAYS, default="monday", help="default: monday")
    options = parser.parse_args(arguments)
    check(options)
    return options


def _ask(published: Published, command: str, options: argparse.Namespace) -> Answer:
    selection = select(published, options.since, options.until, options.project, options.model)
    instances = getattr(options, "instances", False)
    key = key_expression(command, getattr(options, "start_of_week", "monday"))
    rows, total = read_usage(published, key, selection, by="project_id" if instances else "null")
    facts: dict[str, dict[str, Any]] = {}
    if command == "sessions":
        facts = session_facts(published)
    elif command == "projects" or instances:
        facts = project_facts(published)
    rows = _in_order(command, rows)
    if options.last:
        rows = _newest(command, rows, options.last)
        total = added(rows)
    return Answer(rows[::-1] if options.order == "desc" else rows, total, facts)


def _in_order(command: str, rows: list[Usage]) -> list[Usage]:
    """Periods by time, sessions by their last response, models and projects by their cost."""
    if command == "sessions":
        rows = sorted(rows, key=lambda usage: (usage.row["last_at"] is not None, usage.row["last_at"] or 0))
    elif command not in _IN_TIME:
        rows = sorted(rows, key=lambda usage: (usage.cost_usd or 0, usage.total_tokens))
    return rows


def _newest(command: str, rows: list[Usage], count: int) -> list[Usage]:
    """The last rows; of periods all rows of the last ones, without what names no time."""
    if command not in _IN_TIME:
        return rows[-count:]
    periods = sorted({usage.key for usage in rows if usage.key is not None})[-count:]
    return [usage for usage in rows if usage.key in periods]


def _record(command: str, usage: Usage, facts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return a row of the JSON: ccusage's keys, and ours behind them."""
    known = facts.get(usage.key or "", {})
    if command == "projects":
        return {"project": known.get("name", usage.key), "projectPath": known.get("path")} | with_models(usage)
    if command == "models":
        return {"model": usage.key} | measures(usage)
    record = {_KEYS[command]: usage.key} | with_models(usage)
    if command == "sessions":
        record |= {"firstActivity": moment(usage.row["first_at"]), "lastActivity": moment(usage.row["last_at"])}
        record |= {"projectPath": known.get("path"), "project": known.get("project"), "title": known.get("title")}
    if usage.row["section"] is not None:
        record["project"] = facts.get(usage.row["section"], {}).get("name", usage.row["section"])
    return record


def _as_json(command: str, options: argparse.Namespace, answer: Answer) -> dict[str, Any]:
    records = [_record(command, usage, answer.facts) for usage in answer.rows]
    totals = measures(answer.total)
    if not getattr(options, "instances", False):
        return {command: records, "totals": totals}
    projects: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        projects.setdefault(record.get("project") or "no project", []).append(record)
    return {"projects": projects, "totals": totals}


def _fields(command: str, options: argparse.Namespace) -> list[str]:
    more = {"sessions": ["title", "project", "firstActivity", "lastActivity"], "projects": ["projectPath"]}
    project = ["project"] if getattr(options, "instances", False) else []
    models = [] if command == "models" else ["modelsUsed"]
    fields = [_KEYS[command], *project, *more.get(command, []), *TOKEN_KEYS, "totalTokens", "totalCost", *models]
    return [*fields, "unpricedResponses"]


def _print_table(published: Published, command: str, options: argparse.Namespace, answer: Answer) -> None:
    if not answer.rows:
        print("No model responses match this selection.")
    else:
        table = Table([*_keys_shown(command, options), *MEASURES])
        keys = len(table.columns) - len(MEASURES)
        for usage in answer.rows:
            table.rows.append([*_cells(published, command, options, usage, answer.facts), *_numbers(usage)])
            if options.breakdown and command != "models":
                table.rows += [[*_below(model, keys), *_numbers(model)] for model in usage.models]
        table.totals.append(["Total", *[""] * (keys - 1), *_numbers(answer.total)])
        print("\n".join(table.lines(terminal_columns())))
    print("\n".join(footer(published, answer.total)))


def _below(model: Usage, keys: int) -> list[str]:
    return [f"  {name(model.key, 'unknown')}", *[""] * (keys - 1)]


def _keys_shown(command: str, options: argparse.Namespace) -> list[Column]:
    if command == "sessions":
        names = [Column("Title", right=False, least=30), Column("Project", right=False, least=16, spare=1)]
        return [Column("Last response", right=False), Column("Session", right=False), *names]
    project = [Column("Project", right=False, least=12)] if getattr(options, "instances", False) else []
    models = [Column("Models", right=False, least=12, spare=6)] if command in _IN_TIME else []
    return [Column(_TITLES[command], right=False, least=12), *project, *models]


def _cells(
    published: Published, command: str, options: argparse.Namespace, usage: Usage, facts: dict[str, dict[str, Any]]
) -> list[str]:
    known = facts.get(usage.key or "", {})
    if command == "sessions":
        last = usage.row["last_at"]
        when = last.astimezone(zone(published.timezone)) if last else None
        short = (usage.key or "–")[:8]  # noqa: RUF001  the sign for: no value
        return [show(when, "time"), name(short, ""), name(known.get("title"), "–"), name(known.get("project"), "–")]  # noqa: RUF001
    shown = [name(known.get("name", usage.key), _MISSING.get(command, "no time"))]
    if getattr(options, "instances", False):
        section = usage.row["section"]
        shown.append(name(answer_name(facts, section), "no project"))
    if command in _IN_TIME:
        shown.append(", ".join(name(model.key, "unknown").removeprefix("claude-") for model in usage.models))
    return shown


def answer_name(facts: dict[str, dict[str, Any]], project: str | None) -> str | None:
    """Return a project's name."""
    return facts.get(project or "", {}).get("name", project)


def _numbers(usage: Usage) -> list[str]:
    tokens = [show(count, "tokens") for count in (*usage.tokens, usage.total_tokens)]
    return [*tokens, show(usage.cost_usd, "usd")]
