"""A session's steps: results beside their calls, sub-agents inside them, costs where they fell, nothing lost."""

from typing import Any

from report.conversation import conversation, search_text
from report.conversation_rows import About, Agent, Block, Commit, Event, Request, SessionRows

ABOUT = About("s", "A title", "app", "laptop", "2026-01-01 10:00:00", "2026-01-01 11:00:00", "main", "2.1.0")
EMPTY = Block(
    "s", "2026-01-01 10:00:00", "m", "assistant_text", False, None, False, None, None, None, 0,
    *[None] * 14,
)  # fmt: skip


def _block(second: int, **more: Any) -> Block:
    return EMPTY._replace(time=f"2026-01-01 10:00:{second:02d}", **{"message_key": f"m{second}", **more})


def _call(second: int, tool_id: str, **more: Any) -> Block:
    given = {"turn": "tool_call", "type": "tool_use", "tool_use_id": tool_id, "tool_name": "Bash"}
    return _block(second, **given | more)


def _result(second: int, tool_id: str, text: str, **more: Any) -> Block:
    return _block(second, turn="tool_result", type="tool_result", tool_use_id=tool_id, result=text, **more)


def _request(key: str, cost: float | None) -> Request:
    return Request("s", key, "2026-01-01 10:00:30", None, "claude", 1, 2, 3, 4, cost)


def _steps(*blocks: Block, **more: Any) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = conversation(SessionRows(ABOUT, list(blocks), **more))["steps"]
    return steps


def _all(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    inner = [step for outer in steps for agent in outer.get("agents", ()) for step in _all(agent["steps"])]
    return [*steps, *inner]


def test_a_result_stands_in_its_call() -> None:
    steps = _steps(
        _call(1, "a", tool_input='{"command":"ls"}', outcome="success", duration_ms=7),
        _call(2, "b"),
        _result(3, "b", "no", is_error=True),
        _result(4, "a", "yes", result_length=900),
    )
    assert [(step["kind"], step["output"], step["outcome"]) for step in steps] == [
        ("call", "yes", "success"),
        ("call", "no", "error"),
    ]
    assert (steps[0]["ms"], steps[0]["output_length"]) == (7, 900)


def test_an_id_that_repeats_answers_call_by_call_and_what_is_left_stands_by_itself() -> None:
    steps = _steps(_call(1, "a"), _result(2, "a", "1"), _call(3, "a"), _result(4, "a", "2"), _result(5, "a", "3"))
    assert [(step["kind"], step["output"]) for step in steps] == [("call", "1"), ("call", "2"), ("result", "3")]


def test_a_prompt_is_what_was_typed_once_beside_its_pictures() -> None:
    prompt = {"turn": "human_prompt", "typed": "Look at this", "message_key": "one"}
    steps = _steps(
        _block(1, **prompt, type="image"),
        _block(1, **prompt, type="text", text="<wrapper>Look", place=1),
        _block(1, **prompt, type="text", text="at this", place=2),
    )
    assert [(step["kind"], step["text"]) for step in steps] == [("media", "image"), ("prompt", "Look at this")]


def test_each_cost_stands_at_one_step_and_all_of_them_are_the_sessions() -> None:
    requests = [_request("r1", 0.5), _request("r2", 0.25), _request("r3", None)]
    rows = SessionRows(
        ABOUT,
        [
            _block(1, text="Hm", request_key="r1"),
            _call(2, "a", request_key="r1"),
            _block(3, request_key="gone", text="!"),
        ],
        requests,
    )
    opened = conversation(rows)
    found = [step["usage"]["cost"] for step in _all(opened["steps"]) if "usage" in step]
    assert found == [0.5, 0.25, None]
    assert (opened["cost"], opened["unpriced"], opened["requests"]) == (0.75, 1, 3)
    assert [step["kind"] for step in opened["steps"]] == ["answer", "call", "answer", "request", "request"]


def test_a_copied_step_says_so_and_costs_nothing_here() -> None:
    [step, request] = _steps(_block(1, text="Again", is_copy=True, request_key="r1"), requests=[_request("r1", 1.0)])
    assert step["copied"]
    assert "usage" not in step
    assert request["kind"] == "request"


def test_a_sub_agent_is_inside_the_call_that_started_it() -> None:
    spawn = _call(1, "a", tool_name="Task", tool_call_key="k1")
    inner = _block(2, text="Found it", is_subagent=True, agent_id="x")
    agent = Agent("s", "x", "k1", "2026-01-01 10:00:02", "Explore", "Look", 5)
    [call] = _steps(spawn, inner, agents=[agent])
    assert call["agents"][0]["type"] == "Explore"
    assert [step["text"] for step in call["agents"][0]["steps"]] == ["Found it"]


def test_sub_agents_that_nobody_started_and_such_that_start_each_other_are_shown_all_the_same() -> None:
    blocks = [
        _block(1, text="Main"),
        _call(2, "a", is_subagent=True, agent_id="x", tool_call_key="kx"),
        _call(3, "b", is_subagent=True, agent_id="y", tool_call_key="ky"),
        _block(4, text="No name", is_subagent=True),
    ]
    agents = [Agent("s", "x", "ky", "2026-01-01 10:00:02", None, None, None)]
    agents.append(Agent("s", "y", "kx", "2026-01-01 10:00:03", None, None, None))
    steps = _steps(*blocks, agents=agents)
    assert {step["n"] for step in _all(steps)} == set(range(len(_all(steps))))
    assert sorted(step["kind"] for step in _all(steps)) == [
        "agent",
        "agent",
        "agent",
        "answer",
        "answer",
        "call",
        "call",
    ]


def test_a_long_chain_of_sub_agents_is_cut_where_no_reader_would_follow() -> None:
    """Each starts the next; nested without bound they would break whoever reads the file."""
    many = 500
    calls = [_call(0, "0", tool_call_key="k0")]
    calls += [_call(1, str(n), is_subagent=True, agent_id=str(n), tool_call_key=f"k{n}") for n in range(1, many)]
    agents = [Agent("s", str(n), f"k{n - 1}", "2026-01-01 10:00:01", None, None, None) for n in range(1, many)]
    steps = _steps(*calls, agents=agents)
    assert sum(step["kind"] == "call" for step in _all(steps)) == many


def test_commits_stand_at_their_call_and_events_where_they_happened() -> None:
    commits = [Commit("s", None, "k1", "commit", "abc"), Commit("s", "2026-01-01 10:00:03", None, "push", "main")]
    events = [Event("s", "2026-01-01 10:00:02", None, "compaction", None)]
    steps = _steps(_call(1, "a", tool_call_key="k1"), commits=commits, events=events)
    assert [(step["kind"], step.get("name")) for step in steps] == [
        ("call", "Bash"),
        ("event", "compaction"),
        ("event", "push"),
    ]
    assert steps[0]["git"] == [["commit", "abc"]]


def test_a_search_finds_prompts_answers_calls_and_errors_by_the_steps_number() -> None:
    rows = SessionRows(
        ABOUT,
        [
            _block(1, turn="human_prompt", type="text", typed="Fix the tests", text="Fix the tests"),
            _block(2, type="thinking", text="a secret thought"),
            _call(3, "a", tool_input='{"command":"pytest -q","n":1}', outcome="error"),
            _result(4, "a", "3 failed"),
            _call(5, "b", tool_input='["no object"]', is_subagent=True, agent_id="x"),
        ],
    )
    assert search_text(conversation(rows)) == [
        (0, "prompt", "Fix the tests"),
        (2, "call", "Bash pytest -q\n3 failed"),
        (4, "call", 'Bash ["no object"]'),
    ]
