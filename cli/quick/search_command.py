"""`search`: what was said about something, in which session, when, and what that session cost."""

import os
import re
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from cli.quick import COMMANDS
from cli.quick.database import Published, open_published
from cli.quick.footer import zone
from cli.quick.options import Parser, add_filters, at_least_one, check
from cli.quick.places import find_places
from cli.quick.search import Found, pattern, search, words
from cli.quick.selection import select
from cli.quick.table import terminal_columns
from cli.quick.text import CUE, cut, plain, width
from cli.quick.usage_json import moment, print_json
from dashboards.formats import show

_KINDS = {
    "assistant_text": "answer",
    "tool_call": "tool input",
    "tool_result": "tool output",
    "remembered_prompt": "prompt",
    "compact_summary": "summary",
    "agent_prompt": "sub-agent's task",
}
_INDENT = "  "


def main(command: str, arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    parser = Parser(command, COMMANDS[command].help)
    parser.add_argument(
        "text", nargs="+", metavar="TEXT", help="words that must all occur in one message; quote a phrase"
    )
    add_filters(parser, model=False)
    parser.add_argument("--limit", type=at_least_one, default=20, metavar="N", help="sessions to show (default: 20)")
    parser.add_argument("-j", "--json", action="store_true", dest="as_json", help="print JSON")
    parser.set_defaults(as_csv=False, timezone=None)
    options = parser.parse_args(arguments)
    check(options)
    wanted = words(options.text)
    with open_published(find_places(options.data)) as published:
        selection = select(published, options.since, options.until, options.project)
        found = search(published, wanted, selection, options.limit)
        if options.as_json:
            print_json(_as_json(found))
        else:
            print("\n".join(_lines(published, found, wanted)))
    return 0


def _as_json(found: Found) -> dict[str, Any]:
    return {"results": [_record(row) for row in found.sessions], "sessions": found.count, "matches": found.matches}


def _record(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "sessionId": row["session_id"],
        "title": row["title"],
        "project": row["project"],
        "projectPath": row["path"],
        "matches": row["matches"],
        "lastMatch": moment(row["last_match_at"]),
        "totalTokens": row["total_tokens"],
        "totalCost": row["cost_usd"],
        "transcriptIsGone": row["is_remembered"],
        "kind": _KINDS.get(row["kind"], "prompt" if row["kind"] == "human_prompt" else row["kind"]),
        "at": moment(row["sent_at"]),
        "snippet": row["snippet"],
    }


def _lines(published: Published, found: Found, wanted: list[str]) -> Iterator[str]:
    local, columns = zone(published.timezone), terminal_columns()
    marked = re.compile("|".join(map(pattern, wanted)), re.IGNORECASE)
    for row in found.sessions:
        yield _head(row, columns, row["sent_at"].astimezone(local) if row["sent_at"] else None)
        yield _snippet(row, marked, columns)
        yield ""
    if not found.sessions:
        yield _nothing(published)
        return
    matches, sessions = _counted(found.matches, "match", "es"), _counted(found.count, "session", "s")
    yield f"{matches} in {sessions}; ./analytics show SESSION prints one."
    if found.count > len(found.sessions):
        best, all_of_them = show(len(found.sessions), "count"), show(found.count, "count")
        yield f"Shown: the best {best} of {all_of_them}; --limit {found.count} shows all."


def _nothing(published: Published) -> str:
    """Say that nothing was found, and of how many lines no text is kept; or that no text is published."""
    if published.is_team_only:
        return "Nothing to search: only team figures are published (TEAM_AGGREGATES_ONLY)."
    nothing = "No message, tool input or tool output has all of these words."
    query = "select count(*) as lines from raw.conversations where block_index = 0 and kept_facts is not null"
    (gone,) = published.rows(query)
    if gone["lines"]:
        lines = _counted(gone["lines"], "line", "s")
        return f"{nothing} The texts of {lines} are no longer kept (TEXT_RETENTION_DAYS)."
    (found,) = published.rows("select count(*) as messages, count(message_text) as texts from marts.fct_messages")
    if found["messages"] and not found["texts"]:
        return "Nothing to search: the database was published without text (PUBLISHED_TEXT=off)."
    return nothing


def _counted(number: int, word: str, plural: str) -> str:
    return f"{show(number, 'count')} {word}{'' if number == 1 else plural}"


def _head(row: dict[str, Any], columns: int, at: datetime | None) -> str:
    session = plain(row["session_id"] or "no session")[:8]
    cost = "transcript gone, cost not recorded" if row["is_remembered"] else show(row["cost_usd"], "usd")
    heading = f"{show(at, 'time')}  {session}  {plain(row['project'] or 'no project')}  {cost}  "
    return heading + cut(plain(row["title"] or ""), max(columns - width(heading), 12))


def _snippet(row: dict[str, Any], marked: re.Pattern[str], columns: int) -> str:
    kind = _KINDS.get(row["kind"], "prompt")
    begin = f"{_INDENT}{kind}: {CUE if row['is_cut'] else ''}"
    text = cut(plain(row["snippet"]), max(columns - width(begin), 20))
    if sys.stdout.isatty() and "NO_COLOR" not in os.environ:
        text = marked.sub(lambda match: f"\033[1m{match[0]}\033[0m", text)
    more = row["matches"] - 1
    rest = f"\n{_INDENT}and {_counted(more, 'more match', 'es')}" if more else ""
    return f"{begin}{text}{rest}"
