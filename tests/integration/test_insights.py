"""Findings that save money: each kind planted with the smallest history that shows it, beside one that looks like it.

Every history is a session of its own, so that one build answers all of them.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from tests.integration.warehouse import Line, Warehouse, in_file

MODEL = "claude-opus-4-6"  # since March 2026: 5 input, 25 output, 0.5 read, 6.25 and 10 written, a million
BEGAN = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)


class Talk:
    """One conversation of a session; every call of `answers` and the like is later than the one before."""

    def __init__(self, session: str, agent: str | None = None, model: str = MODEL) -> None:
        self.session, self.agent, self.model, self.now, self.number = session, agent, model, BEGAN, 0
        self.lines: list[Line] = []

    def line(self, kind: str, minutes: float, **more: Any) -> Line:
        """Add a line so many minutes after the last one."""
        self.now += timedelta(minutes=minutes)
        self.number += 1
        line: Line = {
            "type": kind, "sessionId": self.session, "uuid": f"{self.session}-{self.agent}-{self.number}", "cwd": "/w",
            "timestamp": self.now.isoformat().replace("+00:00", "Z"), "version": "2.1.100", **more,
        }  # fmt: skip
        if self.agent:
            line |= {"agentId": self.agent, "isSidechain": True}
        self.lines.append(line)
        return line

    def answers(
        self, read: int = 0, written: int = 0, output: int = 100, *, minutes: float = 1, thinks: bool = True,
        calls: tuple[dict[str, Any], ...] = (), hour: bool = False,
    ) -> None:  # fmt: skip
        """Add an answer: tokens read from and written to the cache, with thinking unless it is said otherwise."""
        lifetimes = {
            "ephemeral_1h_input_tokens": written if hour else 0,
            "ephemeral_5m_input_tokens": written * (not hour),
        }
        usage = {
            "input_tokens": 0, "output_tokens": output, "cache_read_input_tokens": read,
            "cache_creation_input_tokens": written, "cache_creation": lifetimes,
        }  # fmt: skip
        content = [
            *([{"type": "thinking", "thinking": "Hm."}] if thinks else []),
            {"type": "text", "text": "So."},
            *calls,
        ]
        inner = {
            "id": f"msg_{self.session}_{self.agent}_{self.number}", "role": "assistant", "model": self.model,
            "stop_reason": "end_turn", "usage": usage, "content": content,
        }  # fmt: skip
        self.line("assistant", minutes, message=inner)

    def calls(
        self, tool: str, given: dict[str, Any], said: str = "done", *, fails: bool = False, read: int = 0,
        output: int = 100, **result: Any,
    ) -> None:  # fmt: skip
        """Add an answer that calls a tool, and the call's result."""
        call = f"toolu_{self.session}_{self.agent}_{self.number}"
        use = {"type": "tool_use", "id": call, "name": tool, "input": given}
        self.answers(read, 0, output, calls=(use,))
        block = {"type": "tool_result", "tool_use_id": call, "content": said, "is_error": fails}
        self.line("user", 0.1, message={"role": "user", "content": [block]}, **result)

    def says(self, text: str = "Please go on.", *, minutes: float = 1) -> None:
        """Add a prompt."""
        self.line("user", minutes, message={"role": "user", "content": text})


def cold(
    session: str, *, size: int = 100_000, hour: bool = False, after: int = 0, models: tuple[str, str] = (MODEL, MODEL)
) -> list[Line]:
    talk = Talk(session, model=models[0])
    talk.answers(0, size, hour=hour)
    talk.model = models[1]
    talk.answers(0, after or size + 10, minutes=20)
    return talk.lines


def cold_after_a_short_pause(session: str) -> list[Line]:
    talk = Talk(session)
    talk.answers(0, 100_000)
    talk.answers(100_000, 2_000, minutes=4)
    talk.answers(0, 103_000, minutes=20)
    return talk.lines


def far(session: str, answers: int) -> list[Line]:
    talk = Talk(session)
    for _ in range(answers):
        talk.answers(200_000, 0, 1_000)
    return talk.lines


def reads(session: str, *lengths: int, between: str = "") -> list[Line]:
    talk = Talk(session)
    for length in lengths:
        talk.calls("Read", {"file_path": "/w/a.py"}, "x" * length)
        talk.answers(0, 10_000)
        if between == "edit":
            talk.calls("Edit", {"file_path": "/w/a.py", "old_string": "a", "new_string": "b"})
        if between == "compaction":
            talk.line("system", 1, subtype="compact_boundary", compactMetadata={"trigger": "auto", "preTokens": 1})
    return talk.lines


def fails(session: str, *, edits: bool = False) -> list[Line]:
    talk = Talk(session)
    for _ in range(3):
        talk.calls("Bash", {"command": "make test"}, "Exit code 2", fails=True, output=2_000)
        if edits:
            talk.calls("Edit", {"file_path": "/w/a.py", "old_string": "a", "new_string": "b"})
    return talk.lines


def agent(session: str, calls: int, *, fails: bool = False) -> list[Line]:
    main, helper = Talk(session), Talk(session, agent="a1")
    helper.answers(0, 20_000)
    for _ in range(calls):
        helper.calls("Grep", {"pattern": f"p{helper.number}"}, fails=fails, read=20_000)
    given = {"description": "Look", "prompt": "Look there.", "subagent_type": "Explore"}
    result = {"status": "completed", "agentId": "a1", "content": []}
    main.calls("Task", given, "Nothing there.", toolUseResult=result)
    return [*main.lines, *helper.lines]


def helped(session: str, failures: int) -> list[Line]:
    talk = Talk(session)
    for number in range(4):
        talk.calls(f"mcp__shop__t{number}", {}, "no", fails=number < failures, output=1_000)
    return [line | {"attributionSkill": "order"} if line["type"] == "assistant" else line for line in talk.lines]


def split(session: str, file: str) -> list[Line]:
    talk = Talk(session)
    talk.answers(0, 10_000, hour=True)
    talk.calls("Read", {"file_path": "/w/a.py"}, read=60_000)
    talk.answers(60_000, 50, minutes=300, hour=True)
    talk.calls("Read", {"file_path": file}, read=60_100)
    return talk.lines


def short(session: str, *, output: int = 500, thinks: bool = False, model: str = MODEL) -> list[Line]:
    talk = Talk(session, model=model)
    talk.says()
    talk.answers(0, 20_000, output, thinks=thinks)
    return talk.lines


Finding = tuple[str, str | None, float, int | None, float | None]
"""Kind, subject (None: not compared), quantity, tokens, dollars."""

_AGENT_READS = 20_000 * 6.25 / 1e6
CASES: dict[str, tuple[Callable[[str], list[Line]], list[Finding]]] = {
    "a cold cache": (cold_after_a_short_pause, [("cold_cache", None, 20, 102_000, 102_000 * 5.75 / 1e6)]),
    "a cold cache without a price": (
        partial(cold, models=("claude-unknown",) * 2),
        [("cold_cache", None, 20, 100_000, None)],
    ),
    "a pause within the hour": (partial(cold, hour=True), []),
    "a pause with a compaction": (partial(cold, after=20_000), []),
    "a pause with another model": (partial(cold, models=(MODEL, "claude-opus-4-8")), []),
    "a pause with few tokens": (partial(cold, size=9_000), []),
    "a context grown far": (
        partial(far, answers=20),
        [("far_context", "", 20, 20 * 40_000, 20 * 40_000 * 0.5 / 1e6 - (160_000 * 0.5 + 5_000 * 25) / 1e6)],
    ),
    "a few answers with a far context": (partial(far, answers=9), []),
    "a file read three times": (
        lambda session: reads(session, 40_000, 40_000, 40_000),
        [("repeated_reads", "/w/a.py", 2, 20_000, 20_000 * 6.25 / 1e6)],
    ),
    "a file read again after an edit": (lambda session: reads(session, 40_000, 40_000, between="edit"), []),
    "a file read again after a compaction": (lambda session: reads(session, 40_000, 40_000, between="compaction"), []),
    "another part of a file": (lambda session: reads(session, 40_000, 30_000), []),
    "a command that fails three times": (fails, [("failing_calls", "Bash make test", 2, None, 2 * 2_000 * 25 / 1e6)]),
    "a command that fails after edits": (partial(fails, edits=True), []),
    "a sub-agent of one call": (
        partial(agent, calls=1),
        [("subagent_cost", "Explore (Look)", 1, 20_000, _AGENT_READS)],
    ),
    "a sub-agent whose calls fail": (
        partial(agent, calls=5, fails=True),
        [("subagent_cost", "Explore (Look)", 5, 120_600, _AGENT_READS + 5 * 20_000 * 0.5 / 1e6 + 600 * 25 / 1e6)],
    ),
    "a sub-agent that works": (partial(agent, calls=5), []),
    "a server and a skill that fail": (
        partial(helped, failures=3),
        [("mcp_cost", "shop", 3, None, 3_000 * 25 / 1e6), ("skill_cost", "order", 3, None, 3_000 * 25 / 1e6)],
    ),
    "a server and a skill that work": (partial(helped, failures=2), []),
    "other files after a long pause": (
        partial(split, file="/w/b.py"),
        [("split_session", "1", 2, 100_000, 100_000 * 0.5 / 1e6)],
    ),
    "the same file after a long pause": (partial(split, file="/w/a.py"), []),
    "a short answer of a dear model": (
        short,
        [("dear_model", MODEL, 1, 20_500, 20_000 * (6.25 - 3.75) / 1e6 + 500 * (25 - 15) / 1e6)],
    ),
    "a short answer with thinking": (partial(short, thinks=True), []),
    "a long answer": (partial(short, output=2_000), []),
    "a short answer of the cheapest model": (partial(short, model="claude-haiku-4-5"), []),
}
"""Histories of one session, and what is found in each."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """All histories in one database."""
    warehouse = Warehouse(tmp_path_factory.mktemp("insights"))
    with closing(warehouse.dbt):
        warehouse.load([line for name, (make, _) in CASES.items() for line in in_file(f"p/{name}.jsonl", *make(name))])
        warehouse.build("resource_type:seed", "+fct_insights", "dim_insight_kinds", command="build", tests=False)
        yield warehouse


@pytest.mark.parametrize("name", CASES)
def test_a_kind_is_found_where_it_is_and_nowhere_else(built: Warehouse, name: str) -> None:
    found = built.rows(
        "select insight_kind, subject, quantity, tokens, cost_usd from marts.fct_insights"
        f" where session_id = '{name}' order by all"
    )
    expected = CASES[name][1]
    assert [row[0] for row in found] == [row[0] for row in expected]
    for row, (_, subject, quantity, tokens, dollars) in zip(found, expected, strict=True):
        assert row[1] == (subject if subject is not None else row[1])
        assert (row[2], row[3]) == (quantity, tokens)
        assert row[4] == (dollars if dollars is None else pytest.approx(dollars))


def test_the_rule_that_readers_see_finds_the_same(built: Warehouse) -> None:
    kinds = built.rows("select insight_kind, rule_sql from marts.dim_insight_kinds")
    assert {kind for kind, _ in kinds} == {finding[0] for _, found in CASES.values() for finding in found}
    for kind, sql in kinds:
        rule = f"select subject, round(cost_usd, 6) from ({sql}) where coalesce(cost_usd, 1) >= 0.01 order by all"
        kept = f"select subject, cost_usd from marts.fct_insights where insight_kind = '{kind}' order by all"
        assert built.rows(rule) == built.rows(kept), kind
