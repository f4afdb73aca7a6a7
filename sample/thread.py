"""The lines of one thread of the generated sample: a session's own, or that of one of its sub-agents.

A thread has a clock, a chain of uuids, a context that grows with every response, and a running total of its cost.
"""

import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sample.content import THOUGHTS, Project, fill
from sample.tool_calls import Call

Line = dict[str, Any]

_SYSTEM_PROMPT_TOKENS = 14_000
_WINDOW_TOKENS = 160_000
_USD_PER_MILLION = {"opus": (5.0, 25.0), "sonnet": (3.0, 15.0), "haiku": (1.0, 5.0)}


@dataclass
class Totals:
    """What a session has used, sub-agents included: the source of its cost-state lines."""

    usage: dict[str, Counter[str]] = field(default_factory=dict)
    usd: float = 0.0
    lines_added: int = 0
    lines_removed: int = 0

    def add(self, model: str, usage: dict[str, Any]) -> None:
        """Count one response."""
        split = usage["cache_creation"]
        counts = self.usage.setdefault(model, Counter())
        counts["inputTokens"] += usage["input_tokens"]
        counts["outputTokens"] += usage["output_tokens"]
        counts["cacheReadInputTokens"] += usage["cache_read_input_tokens"]
        counts["cacheCreationInputTokens"] += usage["cache_creation_input_tokens"]
        rates = next((rates for name, rates in _USD_PER_MILLION.items() if name in model), (0.0, 0.0))
        paid_input = (
            usage["input_tokens"] + usage["cache_read_input_tokens"] * 0.1
            + split["ephemeral_5m_input_tokens"] * 1.25 + split["ephemeral_1h_input_tokens"] * 2
        )  # fmt: skip
        self.usd += (paid_input * rates[0] + usage["output_tokens"] * rates[1]) / 1e6


@dataclass
class Thread:
    """One chain of lines. `write` takes each of them; a sub-agent's may wrap them."""

    random: Random
    project: Project
    session_id: str
    version: str
    model: str
    branch: str
    now: datetime
    totals: Totals
    write: Callable[[Line], None]
    agent_id: str | None = None
    hour_cache: bool = False
    parent: str | None = None
    context: int = _SYSTEM_PROMPT_TOKENS
    cached: int = 0
    cached_at: datetime | None = None

    def wait(self, shortest: float, longest: float) -> None:
        """Let time pass, in seconds."""
        self.now += timedelta(milliseconds=round(1000 * self.random.uniform(shortest, longest)))

    def stamp(self) -> str:
        """The time now, as transcripts have it."""
        return self.now.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def new_uuid(self) -> str:
        """A uuid from the seeded generator."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def link(self, kind: str, **fields: Any) -> Line:
        """Write a line that continues the chain."""
        line: Line = {
            "parentUuid": self.parent,
            "isSidechain": self.agent_id is not None,
            "userType": "external",
            "cwd": self.project.cwd,
            "sessionId": self.session_id,
            "version": self.version,
            "gitBranch": self.branch,
            "type": kind,
            "uuid": self.new_uuid(),
            "timestamp": self.stamp(),
            **fields,
        }
        if self.agent_id is not None:
            line["agentId"] = self.agent_id
        self.parent = line["uuid"]
        self.write(line)
        return line

    def say(self, text: str, **fields: Any) -> Line:
        """A user line of plain text."""
        self.context += len(text) // 3
        return self.link("user", message={"role": "user", "content": text}, **fields)

    def respond(self, text: str | None, calls: list[Call], *, thinks: bool = False, finished: bool = True) -> list[str]:
        """One API response, one line for each of its blocks; the ids of its tool calls."""
        blocks: list[dict[str, Any]] = []
        if thinks:
            thought = fill(self.random, self.random.choice(THOUGHTS), self.project)
            blocks.append(
                {"type": "thinking", "thinking": thought, "signature": f"{self.random.getrandbits(256):064x}"}
            )
        if text:
            blocks.append({"type": "text", "text": text})
        ids = [f"toolu_{self._token()}" for _ in calls]
        blocks += [
            {"type": "tool_use", "id": call_id, "name": call.name, "input": call.input}
            for call_id, call in zip(ids, calls, strict=True)
        ]
        self._write_blocks(blocks, "tool_use" if calls else "end_turn", finished=finished)
        return ids

    def _write_blocks(self, blocks: list[dict[str, Any]], stop_reason: str, *, finished: bool) -> None:
        message_id, request_id = f"msg_{self._token()}", f"req_{self._token()}"
        output = sum(len(str(block)) for block in blocks) // 4 + self.random.randint(20, 400)
        usage = self._usage(output)
        for index, block in enumerate(blocks):
            last = index == len(blocks) - 1
            shown = usage if last else {**usage, "output_tokens": max(1, output * (index + 1) // (len(blocks) * 6))}
            message = {
                "model": self.model, "id": message_id, "type": "message", "role": "assistant", "content": [block],
                "stop_reason": stop_reason if last and finished else None, "stop_sequence": None, "usage": shown,
            }  # fmt: skip
            self.wait(0.8, 4)
            self.link("assistant", message=message, requestId=request_id)
        self.totals.add(self.model, usage)
        self.context += output

    def _usage(self, output: int) -> dict[str, Any]:
        lifetime = timedelta(hours=1) if self.hour_cache else timedelta(minutes=5)
        if self.cached_at and self.now - self.cached_at > lifetime:
            self.cached = 0
        written = self.context - self.cached
        read, self.cached, self.cached_at = self.cached, self.context, self.now
        split = {"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": 0}
        if self.hour_cache:
            split = {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": written}
        return {
            "input_tokens": self.random.randint(1, 9),
            "cache_creation_input_tokens": written,
            "cache_read_input_tokens": read,
            "output_tokens": output,
            "cache_creation": split,
            "service_tier": "standard",
        }

    def answer(self, tool_id: str, call: Call) -> None:
        """The result of a tool call, after the time it took."""
        self.wait(call.seconds, call.seconds * 1.2 + 0.02)
        block: dict[str, Any] = {"tool_use_id": tool_id, "type": "tool_result", "content": call.text}
        if call.is_error:
            block["is_error"] = True
        self.context += len(call.text) // 3 + self.random.randint(100, 2600)
        self.totals.lines_added += 0 if call.is_error else call.lines_added
        self.totals.lines_removed += 0 if call.is_error else call.lines_removed
        message = {"role": "user", "content": [block]}
        self.link("user", message=message, toolUseResult=call.result, **call.extra)

    @property
    def is_full(self) -> bool:
        """Whether Claude Code would compact the conversation now."""
        return self.context > _WINDOW_TOKENS

    def compact(self, trigger: str) -> None:
        """The conversation so far becomes a summary."""
        before, self.parent = self.parent, None
        about = {"trigger": trigger, "preTokens": self.context}
        self.link(
            "system", subtype="compact_boundary", content="Conversation compacted", isMeta=False, level="info",
            logicalParentUuid=before, compactMetadata=about,
        )  # fmt: skip
        self.context, self.cached = _SYSTEM_PROMPT_TOKENS + 9_000, _SYSTEM_PROMPT_TOKENS
        summary = f"This session is being continued from an earlier one about the {self.project.things[0]}."
        self.say(summary, isCompactSummary=True, isVisibleInTranscriptOnly=True)

    def _token(self) -> str:
        return f"01{self.random.getrandbits(112):028x}"
