"""`show`: one session, readable: prompts, answers, a line per tool call, sub-agents folded, what each prompt cost."""

import argparse
import os
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from cli.quick import COMMANDS
from cli.quick.conversation import Conversation, Part, find_session, read_conversation
from cli.quick.database import Published, open_published
from cli.quick.footer import zone
from cli.quick.options import Parser
from cli.quick.pager import show_lines
from cli.quick.places import find_places
from cli.quick.table import terminal_columns
from cli.quick.text import cut, plain
from cli.quick.usage_json import measures, moment, print_json
from dashboards.formats import show

_SHORT_LINES = 12
_PROMPTS = ("human_prompt", "slash_command", "shell_command")
_MARKS = {
    "success": "✓",
    "error": "✗ failed",
    "denied": "✗ denied",
    "interrupted": "✗ interrupted",
    "incomplete": "no result",
}
_LABELS = {
    "api_error": "API error",
    "compact_summary": "Summary of what came before",
    "interruption": "Interrupted",
    "agent_prompt": "Task",
}


def main(command: str, arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    parser = Parser(command, COMMANDS[command].help)
    parser.add_argument("session", metavar="SESSION", help="its id, a prefix of it, or `latest`")
    parser.add_argument("--full", action="store_true", help="print every text in full")
    parser.add_argument("--subagents", action="store_true", help="also print sub-agents' messages and tool calls")
    parser.add_argument("-j", "--json", action="store_true", dest="as_json", help="print JSON, texts in full")
    options = parser.parse_args(arguments)
    with open_published(find_places(options.data)) as published:
        conversation = read_conversation(published, find_session(published, options.session))
    if options.as_json:
        print_json(_as_json(conversation))
    else:
        show_lines(_View(published, conversation, options).lines())
    return 0


def _as_json(conversation: Conversation) -> dict[str, Any]:
    known = conversation.session
    agents = conversation.agent_facts
    return {
        "sessionId": known["session_id"],
        "title": known["title"],
        "project": known["project"],
        "projectPath": known["path"],
        "firstActivity": moment(known["started_at"]),
        "lastActivity": moment(known["ended_at"]),
        **measures(conversation.usage),
        "parts": [_part(part) for part in conversation.parts],
        "subagents": [
            {
                "agentId": agent,
                "type": agents.get(agent, {}).get("agent_type"),
                "parts": [_part(part) for part in parts],
            }
            for agent, parts in conversation.agents.items()
        ],
    }


def _part(part: Part) -> dict[str, Any]:
    said: dict[str, Any] = {"kind": part.kind, "at": moment(part.at), "text": part.text}
    if part.kind == "tool_call":
        said |= {"tool": part.tool, "outcome": part.outcome, "durationMs": part.duration_ms}
        said |= {"spawnedAgentId": part.spawned_agent_id}
    return said


class _View:
    """The conversation as lines. Everything that comes from a transcript goes through `plain`."""

    def __init__(self, published: Published, conversation: Conversation, options: argparse.Namespace) -> None:
        self.conversation, self.options = conversation, options
        self.zone, self.columns = zone(published.timezone), terminal_columns()
        self.coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self.unshown = dict(conversation.agents)

    def lines(self) -> Iterator[str]:
        """Yield the session's head, then its parts in their order."""
        yield from self._head()
        parts = self.conversation.parts
        if not parts and not self.unshown:
            yield "No text of this session is kept."
        for position, part in enumerate(parts):
            yield from self._part(part, "", self._cost_of(position))
        for agent in list(self.unshown):  # those that no call of the session started
            yield from self._agent(agent, "")

    def _head(self) -> Iterator[str]:
        known, usage = self.conversation.session, self.conversation.usage
        yield self._bold(cut(plain(known["title"] or "(no title)"), self.columns))
        yield f"{plain(known['session_id'])}  {plain(known['project'] or 'no project')}"
        began, ended = self._time(known["started_at"]), self._time(known["ended_at"])
        yield f"{began} to {ended}  {show(usage.total_tokens, 'tokens')} tokens  {show(usage.cost_usd, 'usd')}"
        if copied := known["copied_line_count"]:
            yield f"{show(copied, 'count')} lines that it copied from another session are shown there."

    def _cost_of(self, position: int) -> str:
        """What was used from a prompt to the next, sub-agents included."""
        parts = self.conversation.parts
        begin = parts[position].at
        if parts[position].kind not in _PROMPTS or begin is None:
            return ""
        end = next((part.at for part in parts[position + 1 :] if part.kind in _PROMPTS and part.at), None)
        used = [cost for cost in self.conversation.costs if begin <= cost[0] and (end is None or cost[0] < end)]
        if not used:
            return ""
        known = [usd for _, _, usd in used if usd is not None]
        tokens = show(sum(tokens for _, tokens, _ in used), "tokens")
        return f"{show(sum(known) if known else None, 'usd')}, {tokens} tokens"

    def _part(self, part: Part, indent: str, cost: str) -> Iterator[str]:
        if part.kind == "tool_call":
            yield from self._call(part, indent)
            return
        yield ""
        if part.kind in _PROMPTS:
            about = f"{self._time(part.at)}{'  ' if cost else ''}{cost}"
            yield indent + self._dim(about)
            yield from self._text(part.text, indent, first="> ", bold=True)
            return
        if label := _LABELS.get(part.kind):
            yield indent + self._dim(f"{label}:")
        yield from self._text(part.text, indent)

    def _call(self, part: Part, indent: str) -> Iterator[str]:
        detail, _, error = part.text.partition("\n")
        took = f" {show(part.duration_ms, 'duration')}" if part.duration_ms is not None else ""
        mark = f"{_MARKS.get(part.outcome, part.outcome)}{took}"
        name = plain(part.tool)
        room = self.columns - len(indent) - len(name) - len(mark) - 8
        about = plain(part.text if part.outcome == "success" else detail)
        yield f"{indent}  · {name}  {about if self.options.full else cut(about, max(room, 8))}  {self._dim(mark)}"
        if error and part.outcome in ("error", "denied"):
            yield indent + "      " + cut(plain(error), max(self.columns - len(indent) - 6, 8))
        if part.spawned_agent_id in self.unshown:
            yield from self._agent(part.spawned_agent_id, indent + "    ")

    def _agent(self, agent: str, indent: str) -> Iterator[str]:
        """A sub-agent in one line, or with all that it said and did."""
        parts = self.unshown.pop(agent)
        known = self.conversation.agent_facts.get(agent, {})
        calls = show(sum(part.kind == "tool_call" for part in parts), "count")
        name = plain(known.get("agent_type") or "sub-agent")
        usage = f"{show(known.get('total_tokens'), 'tokens')} tokens, {show(known.get('cost_usd'), 'usd')}"
        folded = "" if self.options.subagents else "  (--subagents shows it)"
        yield f"{indent}{self._dim(f'▸ {name}: {calls} tool calls, {usage}{folded}')}"
        if self.options.subagents:
            for part in parts:
                yield from self._part(part, indent + "  ", "")

    def _text(self, text: str, indent: str, *, first: str = "", bold: bool = False) -> Iterator[str]:
        lines = plain(text.strip("\n"), keep_lines=True).splitlines() or [""]
        shown = lines if self.options.full else lines[:_SHORT_LINES]
        rest = len(lines) - len(shown)
        for position, line in enumerate(shown):
            whole = f"{first if position == 0 else ' ' * len(first)}{line}"
            yield indent + (self._bold(whole) if bold else whole)
        if rest:
            yield indent + self._dim(f"… {show(rest, 'count')} more lines (--full shows them)")

    def _time(self, at: datetime | None) -> str:
        return show(at.astimezone(self.zone) if at else None, "time")

    def _bold(self, text: str) -> str:
        return f"\033[1m{text}\033[0m" if self.coloured else text

    def _dim(self, text: str) -> str:
        return f"\033[2m{text}\033[0m" if self.coloured else text
