"""One session of the generated sample, turn by turn, as Claude Code would have written it."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

from sample.content import ANSWERS, FOLLOW_UPS, NOTES, QUEUED, REQUESTS, Project, fill
from sample.thread import Line, Thread, Totals
from sample.tool_calls import Call, git_call, next_call

_AGENTS = ("Explore", "general-purpose", "code-reviewer")


@dataclass
class SubAgent:
    """A sub-agent's own transcript and the sidecar beside it."""

    agent_id: str
    meta: dict[str, Any]
    lines: list[Line] = field(default_factory=list)


@dataclass
class Session:
    """A session's lines, growing."""

    random: Random
    project: Project
    thread: Thread
    lines: list[Line]
    is_recent: bool
    """Written by a version with sub-agent files, titles and cost states; older ones wrap agents in progress lines."""
    agents: list[SubAgent] = field(default_factory=list)
    title: str = ""

    @classmethod
    def start(cls, random: Random, project: Project, moment: datetime, *, is_recent: bool, model: str) -> "Session":
        """A session that has not said anything yet."""
        lines: list[Line] = []
        thread = Thread(
            random=random,
            project=project,
            session_id="",
            version=f"2.1.{random.randint(150, 199)}" if is_recent else f"2.1.{random.randint(30, 48)}",
            model=model,
            branch=random.choice(project.branches),
            now=moment,
            totals=Totals(),
            write=lines.append,
            hour_cache=is_recent,
        )
        thread.session_id = thread.new_uuid()
        return cls(random, project, thread, lines, is_recent)

    def open(self) -> None:
        """What Claude Code writes when a session starts."""
        if self.is_recent:
            self._bare("mode", mode="normal")
            self._bare("permission-mode", permissionMode=self.random.choice(("default", "acceptEdits", "auto")))
            hook = {
                "type": "hook_success",
                "hookName": "SessionStart:startup",
                "hookEvent": "SessionStart",
                "exitCode": 0,
            }
            self.thread.link("attachment", attachment=hook)
        if self.random.random() < 0.2:
            self._slash_command(self.random.choice(("/model", "/mcp", "/cost")))

    def turn(self, request: str) -> None:
        """A request, what Claude does about it, and its answer."""
        thread, began = self.thread, self.thread.now
        source = {"promptSource": "typed", "origin": {"kind": "human"}} if self.is_recent else {}
        prompt = thread.say(request, **source)
        self._snapshot(prompt["uuid"])
        for _ in range(min(14, 1 + int(self.random.expovariate(1 / 5)))):
            self._step()
        if self.random.random() < 0.03:
            self._interrupted()
            return
        self._maybe_queue()
        text = fill(self.random, self.random.choice(ANSWERS), self.project)
        thread.respond(text, [], thinks=False, finished=self.random.random() > 0.03)
        self._close_turn(round((thread.now - began).total_seconds() * 1000), request)

    def _step(self) -> None:
        """One response with its tool calls."""
        if self.thread.is_full:
            self.thread.compact("auto")
        if self.random.random() < 0.025:
            self._spawn()
            return
        calls = [next_call(self.random, self.project) for _ in range(self.random.choice((1, 1, 1, 1, 2, 3)))]
        note = fill(self.random, self.random.choice(NOTES), self.project) if self.random.random() < 0.35 else None
        self._use(calls, note, thinks=self.random.random() < 0.3)

    def _use(self, calls: list[Call], note: str | None = None, *, thinks: bool = False) -> None:
        ids = self.thread.respond(note, calls, thinks=thinks)
        for tool_id, call in zip(ids, calls, strict=True):
            if not self.is_recent and call.name == "Bash" and call.seconds > 20:
                data = {"type": "bash_progress", "output": "", "elapsedTimeSeconds": 10, "totalLines": 40}
                self.thread.link("progress", data=data, toolUseID="bash-progress-1", parentToolUseID=tool_id)
            self.thread.answer(tool_id, call)

    def _spawn(self) -> None:
        """Claude gives a part of the work to a sub-agent."""
        kind, task = self.random.choice(_AGENTS), f"Look at the {self.random.choice(self.project.things)}"
        name = "Agent" if self.is_recent else "Task"
        wanted = {"description": task, "prompt": f"{task} and report.", "subagent_type": kind}
        agent_id = f"a{self.random.getrandbits(28):07x}"
        ids = self.thread.respond(None, [Call(name, wanted, "", {}, 0)])
        steps = self._run_agent(agent_id, kind, ids[0], wanted["prompt"])
        report = f"The {self.random.choice(self.project.things)} is fine; two callers pass no limit."
        result = {
            "status": "completed", "prompt": wanted["prompt"], "agentId": agent_id, "agentType": kind,
            "content": [{"type": "text", "text": report}], "totalDurationMs": steps * 9000,
            "totalTokens": steps * 4100, "totalToolUseCount": steps,
        }  # fmt: skip
        self.thread.answer(ids[0], Call(name, wanted, report, result, 1))

    def _run_agent(self, agent_id: str, kind: str, tool_id: str, prompt: str) -> int:
        agent = SubAgent(agent_id, {"agentType": kind, "toolUseId": tool_id, "spawnDepth": 1})
        thread = copy.copy(self.thread)
        thread.agent_id, thread.parent, thread.context, thread.cached = agent_id, None, 9_000, 0
        thread.hour_cache, thread.write = False, agent.lines.append
        if kind == "Explore":
            thread.model = "claude-haiku-4-5-20251001"
        if self.is_recent:
            self.agents.append(agent)
        else:
            thread.write = self._wrap(agent_id, tool_id, prompt)
        thread.say(prompt)
        steps = self.random.randint(3, 12)
        for _ in range(steps):
            call = next_call(self.random, self.project)
            thread.answer(thread.respond(None, [call])[0], call)
        thread.respond("That is all I found.", [])
        self.thread.now = thread.now
        return steps

    def _wrap(self, agent_id: str, tool_id: str, prompt: str) -> Callable[[Line], None]:
        """Older versions show a sub-agent's messages only inside progress lines of the session."""

        def write(line: Line) -> None:
            self.thread.now = datetime.fromisoformat(line["timestamp"])
            kept = ("type", "message", "uuid", "timestamp", "requestId", "toolUseResult")
            data = {
                "type": "agent_progress", "agentId": agent_id, "prompt": prompt, "normalizedMessages": [],
                "message": {key: line[key] for key in kept if key in line},
            }  # fmt: skip
            self.thread.link("progress", data=data, toolUseID=f"agent_{line['uuid'][:8]}", parentToolUseID=tool_id)

        return write

    def _interrupted(self) -> None:
        """The person stops Claude while a tool runs: its call has no result."""
        self.thread.respond(None, [next_call(self.random, self.project)])
        self.thread.wait(2, 20)
        text = "[Request interrupted by user for tool use]"
        self.thread.link("user", message={"role": "user", "content": [{"type": "text", "text": text}]})

    def _maybe_queue(self) -> None:
        """The person types while Claude works."""
        if self.random.random() < 0.07:
            prompt = self.random.choice(QUEUED)
            self._bare("queue-operation", operation="enqueue", timestamp=self.thread.stamp(), content=prompt)
            self._bare("queue-operation", operation="remove", timestamp=self.thread.stamp())
            queued = {"type": "queued_command", "prompt": prompt, "commandMode": "prompt"}
            self.thread.link("attachment", attachment=queued)

    def _close_turn(self, milliseconds: int, request: str) -> None:
        if self.random.random() < 0.3:
            hooks = [{"command": "bin/after-turn"}]
            self.thread.link(
                "system", subtype="stop_hook_summary", hookCount=1, hookInfos=hooks, hookErrors=[], level="info"
            )
        self.thread.link("system", subtype="turn_duration", durationMs=milliseconds, isMeta=False)
        if self.is_recent:
            self.title = self.title or request.partition(".")[0][:60]
            self._bare("ai-title", aiTitle=self.title)
            self._bare("last-prompt", lastPrompt=request[:120])

    def ship(self) -> None:
        """Commit, and sometimes push and open a pull request."""
        self._use([git_call(self.random, self.project, self.thread.branch, "commit")])
        if self.random.random() < 0.5:
            self._use([git_call(self.random, self.project, self.thread.branch, "push")])
            call = git_call(self.random, self.project, self.thread.branch, "pr")
            self._use([call])
            number, where = int(call.text.rpartition("/")[2]), self.project.cwd.rpartition("/")[2]
            about = {"prNumber": number, "prUrl": call.text, "prRepository": f"robin/{where}"}
            self._bare("pr-link", timestamp=self.thread.stamp(), **about)
        self.thread.respond("It is committed.", [])

    def fail(self) -> None:
        """The API cannot be reached: an error, a retry, and a message that no model wrote."""
        self.thread.link("system", subtype="api_error", level="error", retryInMs=571.5, retryAttempt=1, maxRetries=10)
        message = {
            "model": "<synthetic>", "id": self.thread.new_uuid(), "type": "message", "role": "assistant",
            "content": [{"type": "text", "text": "API Error: the service is overloaded."}],
            "stop_reason": "stop_sequence", "usage": {"input_tokens": 0, "output_tokens": 0},
        }  # fmt: skip
        about = {"isApiErrorMessage": True, "error": "overloaded", "apiErrorStatus": 529}
        self.thread.link("assistant", message=message, **about)

    def close(self) -> None:
        """What Claude Code writes when a session ends."""
        if not self.is_recent:
            self.lines.append({"type": "summary", "summary": self.title or "Work", "leafUuid": self.thread.parent})
            return
        totals = self.thread.totals
        self._bare(
            "cost-state", timestamp=self.thread.stamp(), totalCostUSD=round(totals.usd, 6),
            modelUsage={model: dict(counts) for model, counts in totals.usage.items()},
            totalLinesAdded=totals.lines_added, totalLinesRemoved=totals.lines_removed,
        )  # fmt: skip
        if self.random.random() < 0.15:
            self._bare("custom-title", customTitle=self.title)

    def _slash_command(self, name: str) -> None:
        message = f"<command-name>{name}</command-name>\n<command-message>{name[1:]}</command-message>"
        self.thread.say(f"{message}\n<command-args></command-args>")
        shown = "<local-command-stdout>done</local-command-stdout>"
        self.thread.link("system", subtype="local_command", content=shown, level="info", isMeta=False)

    def _snapshot(self, message_id: str) -> None:
        snapshot = {"messageId": message_id, "trackedFileBackups": {}, "timestamp": self.thread.stamp()}
        kind = {"type": "file-history-snapshot", "messageId": message_id}
        self.lines.append({**kind, "snapshot": snapshot, "isSnapshotUpdate": False})

    def _bare(self, kind: str, **fields: Any) -> None:
        """A line outside the chain: no uuid, and the same bytes whenever it says the same."""
        self.lines.append({"type": kind, **fields, "sessionId": self.thread.session_id})

    def fork(self) -> "Session":
        """Another session that began as a copy of this one's first half."""
        twin = Session.start(
            self.random, self.project, self.thread.now, is_recent=self.is_recent, model=self.thread.model
        )
        half = self.lines[: len(self.lines) // 2]
        twin.lines.extend(
            {**line, "sessionId": twin.thread.session_id} if "sessionId" in line else line for line in half
        )
        twin.thread.parent = next((line["uuid"] for line in reversed(half) if "uuid" in line), None)
        twin.thread.branch, twin.thread.version = self.thread.branch, self.thread.version
        twin.thread.wait(300, 3000)
        return twin


def request_for(random: Random, project: Project, turn: int) -> str:
    """What a person types: a request first, follow-ups between others."""
    if turn and random.random() < 0.45:
        return random.choice(FOLLOW_UPS)
    return fill(random, random.choice(REQUESTS), project)
