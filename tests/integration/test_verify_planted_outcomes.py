"""Costs, outcomes, commits and pull requests: each kind of fault is planted in a database, and `verify` names it."""

from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.integration.planted import Built
from tests.integration.warehouse import Line, answer, in_file, prompt
from verify.compare import VerifyError
from verify.report import VerifyReport

CWD = {"cwd": "/home/me/shop"}
PULL = "https://git.example/me/shop/pull"
_minutes = count()


def called(
    session: str, tool_id: str, result: str, *, tool: str = "Bash", command: str = "make", **more: Any
) -> list[Line]:
    """A call and its result; what is beside the result is the line's, but for `is_error`."""
    block = {"type": "tool_use", "id": tool_id, "name": tool, "input": {"command": command}}
    asked = answer(f"m-{tool_id}", session=session, minute=next(_minutes), content=[block], stop_reason="tool_use")
    told = {"type": "tool_result", "tool_use_id": tool_id, "content": result, "is_error": more.pop("is_error", False)}
    line = prompt(session, next(_minutes))
    return [asked | CWD, line | CWD | {"message": {"role": "user", "content": [told]}} | more]


def used(message: str, model: str = "claude-opus-4-6", **usage: Any) -> Line:
    return answer(message, minute=next(_minutes), model=model, stop_reason="end_turn", usage=usage) | CWD


REFUSED = "Permission to use Bash has been denied because Claude Code is running in don't ask mode."
HISTORY = in_file(
    "-home-me-shop/s1.jsonl",
    *called("s1", "fine", "ok"),
    *called("s1", "failed", "Exit code 2\nmake: *** [all] Error 1", is_error=True),
    *called("s1", "refused", REFUSED, is_error=True),
    *called("s1", "named", "Denied", is_error=True, toolDenialKind="user-rejected"),
    *called("s1", "quoted", f"The log says: {REFUSED}", is_error=True),
    *called("s1", "stopped", "half\n[Request interrupted by user for tool use]", is_error=True),
    *called(
        "s1", "reported", "done", toolUseResult={"gitOperation": {"commit": {"sha": "abcdef1", "kind": "amended"}}}
    ),
    *called("s1", "printed", "[main 1234567] Add\n 1 file", command="git -C /home/me/shop commit -m Add"),
    *called("s1", "opened", f"{PULL}/7\n", command="gh pr create --fill"),
    *called(
        "s1", "known", f"a pull request for branch x already exists:\n{PULL}/6", command="gh pr create", is_error=True
    ),
    {"type": "pr-link", "sessionId": "s1", "prUrl": f"{PULL}/8", "prNumber": 8, "timestamp": "2026-03-28T23:00:00Z"},
    *called("s1", "asked", "found", tool="WebSearch", toolUseResult={"searchCount": 2}),
    used("cheap"),
    used("fast", speed="fast"),
    used("here", inference_geo="us"),
    used("batched", service_tier="batch"),
    used("kept", cache_creation_input_tokens=1000, cache_creation={"ephemeral_1h_input_tokens": 1000}),
    used("long", "claude-sonnet-4-5", input_tokens=200_001),
    used("spelt", "us.anthropic.claude-opus-4-6-v1[1m]"),
    used("dear", "claude-opus-4-6-huge"),
) + in_file("-home-me-shop/s2.jsonl", *called("s2", "silent", "", command="git commit -q -m Add && git push"))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return Built(tmp_path_factory.mktemp("planted"), HISTORY)


def of_call(change: str, tool_id: str) -> str:
    return f"update marts.fct_tool_calls set {change} where tool_use_id = '{tool_id}'"


def of_response(change: str, message: str) -> str:
    return f"update marts.fct_api_requests set {change} where message_id = '{message}'"


OUTCOMES, COST, GIT, PER_SESSION = (
    {"outcomes of tool calls"},
    {"cost in USD"},
    {"commits and pull requests"},
    {"commits per session"},
)
SUCCESS = "outcome = 'success', is_error = false"
ERROR = "outcome = 'error', is_denied = false, denial_kind = null"
FAULTS = {
    "an error that is a success": (of_call(SUCCESS, "failed"), OUTCOMES, "failed of s1: Bash error, not Bash success"),
    "a denial that is an error": (of_call(ERROR, "refused"), OUTCOMES, "(permission-rule), not Bash error"),
    "a denial of another kind": (
        of_call("denial_kind = 'automode-blocked'", "named"),
        OUTCOMES,
        "Bash denied (user-rejected), not Bash denied (automode-blocked)",
    ),
    "a quoted refusal that is a denial": (
        of_call("outcome = 'denied', is_denied = true, denial_kind = 'permission-rule'", "quoted"),
        OUTCOMES,
        "quoted of s1: Bash error, not Bash denied (permission-rule)",
    ),
    "an interruption that is an error": (of_call(ERROR, "stopped"), OUTCOMES, "Bash interrupted, not Bash error"),
    "a result that belongs to no call": (
        of_call("outcome = 'incomplete'", "fine"),
        OUTCOMES,
        "Bash success, not Bash incomplete",
    ),
    "another tool": (of_call("tool_name = 'Read'", "fine"), OUTCOMES, "fine of s1: Bash success, not Read success"),
    "a commit missing": (
        "delete from marts.fct_commits where commit_sha = '1234567'",
        GIT,
        "commit 1234567 (committed) of s1",
    ),
    "a commit twice": (
        "insert into marts.fct_commits select * from marts.fct_commits where commit_sha = '1234567'",
        GIT,
        "commit 1234567 (committed) of s1",
    ),
    "an amended commit that is a new one": (
        "update marts.fct_commits set git_action = 'committed' where commit_sha = 'abcdef1'",
        GIT,
        "commit abcdef1 (amended) of s1",
    ),
    "a pull request that was there already": (
        f"insert into marts.fct_commits by name select 's1' as session_id, 'pull_request' as git_event,"
        f" 'created' as git_action, 6 as pull_request_number, '{PULL}/6' as pull_request_url",
        GIT,
        f"pull_request {PULL}/6 (created) of s1",
    ),
    "a linked pull request missing": (
        "delete from marts.fct_commits where git_action = 'linked'",
        GIT,
        f"pull_request {PULL}/8 (linked) of s1",
    ),
    "nothing recorded that is none": (
        "update marts.agg_session_metrics set commit_count = 0 where session_id = 's2'",
        PER_SESSION,
        "s2: commits not recorded, pull requests 0, not commits 0, pull requests 0",
    ),
    "a session with too many pull requests": (
        "update marts.agg_session_metrics set pull_request_count = 3 where session_id = 's1'",
        PER_SESSION,
        "s1: commits 2, pull requests 2, not commits 2, pull requests 3",
    ),
    "a dearer variant at the base price": (
        of_response("cost_usd = 0.0007, is_priced = true", "dear"),
        COST,
        "dear: not known, not 0.000700",
    ),
    "a spelling without a price": (of_response("cost_usd = null", "spelt"), COST, "spelt: 0.000675, not not known"),
    "fast mode at the usual price": (
        of_response("cost_usd = cost_usd / 6", "fast"),
        COST,
        "fast: 0.004050, not 0.000675",
    ),
    "inference in the US at the usual price": (
        of_response("cost_usd = cost_usd / 1.1", "here"),
        COST,
        "here: 0.000743, not 0.000675",
    ),
    "a batch at the full price": (
        of_response("cost_usd = 2 * cost_usd", "batched"),
        COST,
        "batched: 0.000338, not 0.000675",
    ),
    "an hour in the cache at the price of five minutes": (
        of_response("cost_usd = cost_usd - 1000 * (10 - 6.25) / 1e6", "kept"),
        COST,
        "kept: 0.010675, not 0.006925",
    ),
    "a long prompt at the lower rates": (
        of_response("cost_usd = cost_usd / 2", "long"),
        COST,
        "long: 1.200718, not 0.600359",
    ),
    "a web search that is free": (
        of_response("web_search_requests = 0, cost_usd = cost_usd - 0.02", "m-asked"),
        COST | {"web searches"},
        "m-asked: 2, not 0",
    ),
}


def examples(report: VerifyReport) -> str:
    return " | ".join(row.example for row in report.differences)


def test_the_history_as_it_was_built_agrees(built: Built) -> None:
    report = built.with_fault()
    assert report.differences == ()
    assert report.tool_calls == 12


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_and_named(built: Built, name: str) -> None:
    fault, measures, example = FAULTS[name]
    report = built.with_fault(fault)
    assert {row.measure for row in report.differences} == measures
    assert example in examples(report)


def test_a_wrong_price_names_its_day_and_model_and_what_is_missing(built: Built) -> None:
    (found,) = built.with_fault(of_response("cost_usd = cost_usd + 1", "cheap")).differences
    assert (found.day, found.model) == ("2026-03-28", "claude-opus-4-6")
    assert found.in_database - found.in_files == pytest.approx(1)


def test_costs_are_counted_with_the_prices_that_the_database_was_built_with(built: Built, tmp_path: Path) -> None:
    """So that a custom price list agrees where both know it, and is reported where only one does."""
    own = tmp_path / "prices.csv"
    own.write_text(
        "model_pattern,input_usd,output_usd,cache_read_usd\n^claude-opus-4-6-huge$,100,100,1\n", encoding="utf-8"
    )
    assert {row.measure for row in built.with_fault(own_prices=own).differences} == COST
    own.write_text("input_usd\n5\n", encoding="utf-8")
    with pytest.raises(VerifyError, match="expected a price list"):
        built.with_fault(own_prices=own)


def test_the_outcome_of_a_call_whose_result_is_lost_is_not_compared(built: Built, tmp_path: Path) -> None:
    """The database remembers the result of a transcript that was written again without it."""
    (tmp_path / "-home-me-shop").mkdir()
    lines = (built.projects / "-home-me-shop/s2.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "-home-me-shop/s2.jsonl").write_bytes(lines[0])
    report = built.with_fault("update raw.transcript_files set resets = 1", projects=tmp_path)
    assert report.differences == ()
    assert report.only_in_database["lines"] > 0
