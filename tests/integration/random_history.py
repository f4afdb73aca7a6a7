"""Small random histories of what makes counting hard: repeated ids, forks that go on, copies, replays, missing ids."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.integration.random_facts import Facts
from tests.integration.warehouse import Line, in_file

_BEGIN = datetime(2026, 3, 28, 22, 30, tzinfo=UTC)
_TEXTS = (
    "Add a button",
    "and a label",
    "<system-reminder>n</system-reminder>Add a button",
    "[Request interrupted by user]",
    "Use [secret:github-pat:0123456789ab]",
)

_RARE = ("agentId", "toolUseResult", "isMeta", "parentToolUseID", "toolDenialKind", "cwd", "forkedFrom", "requestId")
_ODD: tuple[Any, ...] = ("missing", None, "", 5, -1, True, "text", ["x"], {"a": 1}, {"agentId": "a"})
_CALLS = ("tool_use", "tool_use", "server_tool_use")


class History:
    """Sessions that share few message ids, moments and texts, so that the rules of docs/counting.md meet each other."""

    def __init__(self, seed: int, *, odd: bool = False) -> None:
        self._random, self._odd = random.Random(seed), odd
        self._name, self._facts = f"h{seed}", Facts(self._random)
        self._lines = 0
        self._sessions: dict[str, list[Line]] = {}
        self._has_requests = self._random.random() < 0.6
        self._ids = [f"{self._name}-m{number}" for number in range(self._random.choice((1, 1, 2, 4)))]

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Yield every line with the name of its transcript."""
        for number in range(self._random.randint(1, 4)):
            self._add_session(f"{self._name}-s{number}")
        for session, lines in self._sessions.items():
            for line in lines:
                agent = line.get("agentId")
                name = f"{session}/subagents/agent-{agent}" if agent and line["type"] != "progress" else session
                written = self._damaged(line) if self._odd and self._chance(0.3) else line
                yield from in_file(f"-home-me-{self._name}/{name}.jsonl", written)
        for line in (line for lines in self._sessions.values() for line in lines if self._chance(0.2)):
            yield from in_file("../history.jsonl", self._remembered(line))

    def _add_session(self, session: str) -> None:
        lines: list[Line] = []
        if self._sessions and self._chance(0.8):
            lines += self._fork(session)
        for _ in range(self._random.randint(1, 6)):
            lines += self._turn(session, lines)
        self._sessions[session] = lines

    def _remembered(self, line: Line) -> Line:
        """Return a line of the history of prompts: of that moment, or somewhat beside it."""
        at = datetime.fromisoformat(line.get("timestamp") or _BEGIN.isoformat())
        milliseconds = int(at.timestamp() * 1000) + self._random.choice(
            (0, 999, 4999, 5000, 5001, -5000, -5001, 3_600_000)
        )
        said = self._random.choice(
            (*_TEXTS, "Add [Pasted text #1 +2 lines]", "/clear now", "/home/me is full", "!ls", "")
        )
        known: Line = {"display": said, "timestamp": milliseconds, "project": f"/home/me/{self._name}"}
        session = self._random.choice((None, line["sessionId"], f"{self._name}-gone"))
        return known | ({"sessionId": session} if session else {})

    def _damaged(self, line: Line) -> Line:
        """Return a line with one value that no Claude Code wrote: missing, of another type, or of another line."""
        damaged: Line = json.loads(json.dumps(line))
        within = [damaged, *(part for part in (damaged.get("message"), damaged.get("data")) if isinstance(part, dict))]
        place = self._random.choice(within)
        key = self._random.choice([*place, *_RARE])
        others = [other[key] for lines in self._sessions.values() for other in lines if key in other]
        value = self._random.choice([*_ODD, *others[:5]])
        if value is _ODD[0]:
            place.pop(key, None)
        else:
            place[key] = value
        return damaged

    def _fork(self, session: str) -> list[Line]:
        """Return the lines that a session copies of another, as one of the ways of Claude Code does it."""
        parent, lines = self._random.choice(list(self._sessions.items()))
        kept = lines[: self._random.randint(1, len(lines))]
        kept = [line for line in kept if self._chance(0.9)]
        way = self._random.choice(("uuid", "pointer", "new uuid"))
        return [self._copy(line, session, parent, way) for line in kept]

    def _copy(self, line: Line, session: str, parent: str, way: str) -> Line:
        copied = line | {"sessionId": session}
        if line["type"] == "progress" or way == "uuid" or "uuid" not in line:
            return copied
        copied["uuid"] = self._uuid()
        if way == "pointer":
            copied["forkedFrom"] = {"sessionId": parent, "messageUuid": line["uuid"]}
        if line["type"] == "assistant" and self._has_requests and self._chance(0.2):
            copied["requestId"] = self._request()
        return copied

    def _turn(self, session: str, lines: list[Line]) -> list[Line]:
        kind = self._random.choice(("prompt", "answer", "answer", "answer", "result", "replay", "again", "agent"))
        if kind == "prompt":
            return [self._line(session, "user", {"role": "user", "content": self._random.choice(_TEXTS)})]
        if kind == "result":
            blocks, beside = self._results()
            return [self._line(session, "user", {"role": "user", "content": blocks}) | beside]
        if kind == "agent":
            side = {"isSidechain": True, "agentId": self._random.choice("ab")}
            return [line | side for line in self._answered(session)]
        if kind == "replay":
            known = [line for line in lines if line["type"] in {"assistant", "user"}]
            chosen = self._random.choice(known) if known and self._chance(0.5) else self._answer(session)[0]
            return [self._replay(chosen, session)]
        if kind == "again" and lines:
            chosen = self._random.choice(lines)
            return [chosen | self._random.choice(({}, {"uuid": self._uuid()}, {"isSidechain": True}))]
        return self._answered(session)

    def _answered(self, session: str) -> list[Line]:
        """Return an answer, and results of its calls with most of them."""
        lines = self._answer(session)
        asked = [block["id"] for line in lines for block in line["message"]["content"] if block["type"] in _CALLS]
        for tool_id in (call for call in asked if self._chance(0.8)):
            block, beside = self._facts.result(tool_id)
            lines.append(self._line(session, "user", {"role": "user", "content": [block]}) | beside)
        return lines

    def _answer(self, session: str) -> list[Line]:
        """Return the lines of one answer: growing counts, a stop reason perhaps, one block each."""
        message, request = self._random.choice([*self._ids, *self._ids, None]), self._request()
        model = self._facts.model()
        output, lines = self._random.randint(1, 9), []
        for number in range(count := self._random.randint(1, 3)):
            stop = "end_turn" if number == count - 1 and self._chance(0.6) else None
            usage: dict[str, Any] = {"input_tokens": 10, "output_tokens": output + number}
            if self._chance(0.1):
                usage = self._random.choice(({}, {"input_tokens": None}, {"output_tokens": -1}))
            usage = self._facts.usage(usage)
            inner = {"id": message, "model": model, "content": [self._block()], "usage": usage}
            line = self._line(session, "assistant", inner | {"stop_reason": stop})
            if self._has_requests and self._chance(0.8):
                line["requestId"] = request
            lines.append(line)
        return lines

    def _block(self) -> dict[str, Any]:
        if self._chance(0.4):
            return self._facts.call({"type": self._random.choice(_CALLS), "id": self._tool()})
        return {"type": "text", "text": self._random.choice(_TEXTS)}

    def _results(self) -> tuple[list[Line], Line]:
        """Return one result or two, and what the line says beside the first."""
        block, beside = self._facts.result(self._tool())
        more = [self._facts.result(self._tool())[0]] if self._chance(0.2) else []
        return [block, *more], beside

    def _line(self, session: str, kind: str, message: Line) -> Line:
        line = {
            "type": kind,
            "uuid": self._uuid(),
            "sessionId": session,
            "timestamp": self._moment(),
            "message": message,
        }
        for key in ("uuid", "timestamp"):
            if self._chance(0.05):
                del line[key]
        return line

    def _replay(self, line: Line, session: str) -> Line:
        kept = ("type", "uuid", "timestamp", "message", "requestId", "toolUseResult")
        inner = {key: line[key] for key in kept if key in line}
        outer = {"type": "progress", "sessionId": session, "data": {"type": "agent_progress", "message": inner}}
        if self._chance(0.5):
            outer |= {"agentId": self._random.choice("ab"), "uuid": self._uuid()}
        return outer

    def _moment(self) -> str:
        """Return one of few moments: what is equal at one of them may be a copy."""
        self._lines += self._random.choice((0, 1, 1))
        return (_BEGIN + timedelta(minutes=self._lines)).isoformat().replace("+00:00", "Z")

    def _uuid(self) -> str:
        return f"{self._name}-u{self._random.getrandbits(40):x}"

    def _request(self) -> str:
        return f"{self._name}-r{self._random.randint(1, 3)}"

    def _tool(self) -> str:
        return f"{self._name}-t{self._random.randint(0, 2)}"

    def _chance(self, share: float) -> bool:
        return self._random.random() < share
