"""A session as a conversation: steps in order, sub-agents inside the calls that started them, costs at their steps.

A step is a plain dict for the page. Every step has a number for search results and addresses.
"""

import json
from collections import deque
from typing import Any

from report.conversation_rows import Agent, Block, Request, SessionRows

Step = dict[str, Any]

_KINDS = {
    "human_prompt": "prompt",
    "slash_command": "command",
    "shell_command": "shell",
    "agent_prompt": "task",
    "compact_summary": "summary",
    "command_output": "output",
    "interruption": "interruption",
    "api_error": "error",
    "synthetic": "synthetic",
    "injected": "injected",
    "tool_result": "injected",
}
TYPED = ("prompt", "command", "shell", "task")
_SEARCHED = (*TYPED, "answer", "summary")
_INPUT_SEARCHED, _ERROR_SEARCHED = 400, 300
"""Characters of a call's input and of a failed call's output that can be searched for."""
_DEEPEST = 20
"""Levels of agents within agents; deeper agents are shown in the main thread."""


def conversation(rows: SessionRows) -> Step:
    """Return everything that the page shows of one session."""
    steps = _Conversation(rows)
    about = rows.about
    costs = [request.cost for request in rows.requests if request.cost is not None]
    return {
        "id": about.session_id,
        "title": about.title,
        "project": about.project,
        "host": about.host,
        "started": about.started,
        "ended": about.ended,
        "branch": about.branch,
        "version": about.version,
        "cost": sum(costs) if costs else None,
        "unpriced": len(rows.requests) - len(costs),
        "requests": len(rows.requests),
        "models": sorted({request.model for request in rows.requests if request.model}),
        "steps": steps.in_order(),
    }


def search_text(conversation: Step) -> list[tuple[int, str, str]]:
    """Return the searchable text of a conversation: number, kind and text of each step that has a text."""
    found: list[tuple[int, str, str]] = []
    left = deque(conversation["steps"])
    while left:
        step = left.popleft()
        text = _searched(step)
        if text:
            found.append((step["n"], step["kind"], text))
        left.extend(inner for agent in step.get("agents", ()) for inner in agent["steps"])
    return sorted(found)


def _searched(step: Step) -> str:
    if step["kind"] in _SEARCHED:
        return str(step.get("text") or "")
    if step["kind"] != "call":
        return ""
    words = [step["name"], *_strings(step["input"])]
    failed = (step.get("output") or "")[:_ERROR_SEARCHED] if step.get("outcome") == "error" else ""
    return " ".join(words)[:_INPUT_SEARCHED] + (f"\n{failed}" if failed else "")


def _strings(written: str) -> list[str]:
    try:
        given = json.loads(written or "{}")
    except (ValueError, RecursionError):
        return [written]
    return [value for value in given.values() if isinstance(value, str)] if isinstance(given, dict) else [written]


class _Conversation:
    """The steps of one session while they are put in order."""

    def __init__(self, rows: SessionRows) -> None:
        self.rows = rows
        self.requests = {request.key: request for request in rows.requests}
        self.threads: dict[str | None, list[Step]] = {None: []}
        self.calls: dict[str, Step] = {}
        self.thread_of: dict[str, str | None] = {}
        """The thread that a call belongs to, by the call's key."""
        self.typed: set[str] = set()
        self.waiting: dict[str, deque[Step]] = {}
        """Calls without a result so far, by the id that calls and results share."""

    def in_order(self) -> list[Step]:
        """Return the main thread's steps, numbered, with everything else inside or between them."""
        for block in self.rows.blocks:
            self._add(block)
        self._add_what_has_no_line()
        for steps in self.threads.values():
            steps.sort(key=lambda step: (step["time"] is None, step["time"] or ""))
        self._place_agents()
        self.number = 0
        self._count(self.threads[None])
        return self.threads[None]

    def _add(self, block: Block) -> None:
        kind = block.type or "text"
        if kind.endswith("tool_result"):
            self._answer(block)
        elif step := self._step(block, kind):
            self._put(block, step)

    def _put(self, block: Block, step: Step) -> None:
        step["time"] = block.time
        if block.is_copy:
            step["copied"] = True
        elif request := self.requests.pop(block.request_key or "", None):
            step["usage"] = _usage(request)
        self._thread(block).append(step)

    def _thread(self, block: Block) -> list[Step]:
        return self.threads.setdefault((block.agent_id or "") if block.is_subagent else None, [])

    def _step(self, block: Block, type_: str) -> Step | None:
        if type_.endswith("tool_use"):
            return self._call(block)
        if type_ in ("thinking", "redacted_thinking"):
            return {"kind": "thinking", "text": block.text or None}
        if type_ != "text":
            return {"kind": "media", "text": type_}
        kind = _KINDS.get(block.turn, "answer")
        if kind in TYPED:
            return self._typed(block, kind)
        return {"kind": kind, "text": block.text} if block.text else None

    def _typed(self, block: Block, kind: str) -> Step | None:
        """Return the typed text without its wrappers, once, whatever its number of blocks."""
        if block.message_key in self.typed:
            return None
        self.typed.add(block.message_key)
        return {"kind": kind, "text": block.typed or block.text or ""}

    def _call(self, block: Block) -> Step:
        step: Step = {"kind": "call", "name": block.tool_name or "unknown", "input": block.tool_input or ""}
        known = {
            "outcome": block.outcome,
            "ms": block.duration_ms,
            "added": block.lines_added,
            "removed": block.lines_removed,
        }
        step |= {name: value for name, value in known.items() if value is not None}
        if block.input_length and block.tool_input and block.input_length > len(block.tool_input):
            step["input_length"] = block.input_length
        if block.tool_use_id:
            self.waiting.setdefault(block.tool_use_id, deque()).append(step)
        if block.tool_call_key:
            self.calls[block.tool_call_key] = step
            self.thread_of[block.tool_call_key] = (block.agent_id or "") if block.is_subagent else None
        return step

    def _answer(self, block: Block) -> None:
        """Assign the result to the first call of its id without one; a further result is a separate step."""
        waiting = self.waiting.get(block.tool_use_id or "")
        call = waiting.popleft() if waiting else None
        step = call if call is not None else {"kind": "result"}
        step["output"] = block.result or ""
        if block.result_length and block.result_length > len(step["output"]):
            step["output_length"] = block.result_length
        if "outcome" not in step:
            step["outcome"] = "error" if block.is_error else "success"
        if call is None:
            self._put(block, step)

    def _add_what_has_no_line(self) -> None:
        for request in self.requests.values():
            thread = self.threads.setdefault(request.agent_id, []) if request.agent_id else self.threads[None]
            thread.append({"kind": "request", "time": request.time, "usage": _usage(request)})
        for event in self.rows.events:
            thread = self.threads.setdefault(event.agent_id, []) if event.agent_id else self.threads[None]
            thread.append({"kind": "event", "time": event.time, "name": event.what, "text": event.note})
        for commit in self.rows.commits:
            step = {"kind": "event", "time": commit.time, "name": commit.what, "text": commit.reference}
            call = self.calls.get(commit.tool_call_key or "")
            if call is not None:
                call.setdefault("git", []).append([commit.what, commit.reference])
            else:
                self.threads[None].append(step)

    def _place_agents(self) -> None:
        """Put each sub-agent into the call that started it, or where it began; what nobody names is one agent."""
        for agent in self._agents():
            steps = self.threads.get(agent.agent_id, []) if agent.agent_id is not None else []
            shown = {"type": agent.type, "text": agent.description, "ms": agent.duration_ms, "steps": steps}
            call = self.calls.get(agent.spawned_by or "")
            if call is not None and not self._is_inside(agent):
                call.setdefault("agents", []).append(shown)
            elif steps:
                main = self.threads[None]
                at = next((i for i, step in enumerate(main) if (step["time"] or "~") > (agent.time or "~")), len(main))
                main.insert(at, {"kind": "agent", "time": agent.time, "agents": [shown]})

    def _agents(self) -> list[Agent]:
        known = {agent.agent_id for agent in self.rows.agents}
        session = self.rows.about.session_id
        nameless = [
            Agent(session, key, None, steps[0]["time"] if steps else None, None, None, None)
            for key, steps in self.threads.items()
            if key is not None and key not in known
        ]
        self.started_by = {agent.agent_id: agent.spawned_by for agent in self.rows.agents}
        return [*self.rows.agents, *nameless]

    def _is_inside(self, agent: Agent) -> bool:
        """Return True where a chain of calls leads from the agent back to itself or too deep for a call to hold it."""
        seen = {agent.agent_id}
        thread = self.thread_of.get(agent.spawned_by or "")
        while thread is not None:
            if thread in seen or len(seen) > _DEEPEST:
                return True
            seen.add(thread)
            thread = self.thread_of.get(self.started_by.get(thread) or "")
        return False

    def _count(self, steps: list[Step]) -> None:
        # Without recursion: agents can start agents to any depth.
        left = deque([iter(steps)])
        while left:
            step = next(left[0], None)
            if step is None:
                left.popleft()
                continue
            step["n"] = self.number
            self.number += 1
            left.extendleft(iter(agent["steps"]) for agent in reversed(step.get("agents", [])))


def _usage(request: Request) -> Step:
    return {
        "model": request.model,
        "input": request.input,
        "output": request.output,
        "cache_read": request.cache_read,
        "cache_write": request.cache_write,
        "cost": request.cost,
    }
