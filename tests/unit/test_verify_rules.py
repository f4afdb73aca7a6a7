"""The second count's rules on single texts: words of refusal, commands of git, spellings of models, prices."""

from datetime import date

import pytest

from verify.endings import calls_of, results_of
from verify.git import command_of, printed_in, reported_by
from verify.price_list import Bill, Price, PriceList, is_plain, price_list, spelling, spellings
from verify.turns import blocks_of

REFUSALS = {
    "The user doesn't want to proceed with this tool use.": "user-rejected",
    "<tool_use_error>The user doesn't want to take this action right now": "user-rejected",
    "Tool use was rejected": "user-rejected",
    "Permission for this action was denied by the classifier": "automode-blocked",
    "Error: Permission to use Bash with command ls has been auto-denied": "permission-rule",
    "Claude requested permissions to write to /w, but you haven't granted it yet.": "permission-rule",
    "This command requires explicit approval": "permission-rule",
    "The call was automatically rejected": "automode-blocked",
    "Permission to use Bash\nwas denied": None,
    "x" * 201 + " requires approval": None,
    "Exit code 1\nThis command requires approval": None,
    "He said: Permission for this action was denied": None,
}


@pytest.mark.parametrize("said", REFUSALS)
def test_a_refusal_is_told_by_how_it_begins(said: str) -> None:
    line = {"type": "user", "message": {"content": [{"type": "tool_result", "tool_use_id": "t", "content": said}]}}
    (result,) = results_of(blocks_of(line["message"]), line, line)
    assert (result.refusal or result.own_refusal) == REFUSALS[said]


COMMANDS = {
    "git commit -m x": "committed",
    "cd /w && git -C '/w/a b' -c user.name=\"A B\" --no-pager commit -qm x": "committed",
    "git commit --amend --no-edit": "amended",
    "git cherry-pick abc1234": "cherry-picked",
    "git revert HEAD": "committed",
    "git config commit.gpgsign true": None,
    "cat .git/hooks/commit-msg": None,
    "git log --grep commit": None,
    "git commit-graph write": None,
    "echo commit": None,
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_commits_where_only_options_stand_before(command: str) -> None:
    found = command_of("Bash", {"command": command})
    assert (found.action if found and found.commits else None) == COMMANDS[command]
    assert command_of("Read", {"command": command}) is None


def test_what_is_printed_is_a_commit_at_the_beginning_of_its_line_and_a_pull_request_by_its_address() -> None:
    printed = printed_in("[main (root-commit) abc1234] Add\n see [main abc1234] x\nhttps://git.example/o/r/pull/12\n")
    assert [(event.event, event.sha, event.number) for event in printed] == [
        ("commit", "abc1234", None),
        ("pull_request", None, 12),
    ]
    assert printed_in("already exists:\nhttps://git.example/o/r/pull/12") == ()


def test_an_operation_reports_what_it_holds_objects_of() -> None:
    operation = {
        "commit": {"sha": "abc1234", "kind": "amended"},
        "pr": {"number": "7", "action": "created"},
        "push": None,
    }
    reported = reported_by(operation)
    assert [(event.event, event.action, event.number) for event in reported] == [
        ("commit", "amended", None),
        ("pull_request", "created", 7),
    ]


def test_a_call_has_the_name_of_its_tool_or_none() -> None:
    blocks = [{"type": "tool_use", "id": "a", "name": "Read"}, {"type": "mcp_tool_use", "id": "b", "name": ""}]
    assert [(call.tool_id, call.tool) for call in calls_of(blocks_of({"content": blocks}))] == [
        ("a", "Read"),
        ("b", "unknown"),
    ]


SPELLINGS = {
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0": ("claude-sonnet-4-5-20250929", False),
    "openrouter/anthropic/claude-sonnet-4.5:beta": ("claude-sonnet-4.5", False),
    "vertex_ai/claude-opus-4-8@default": ("claude-opus-4-8", False),
    "Claude-Fable-5[1m]": ("claude-fable-5", False),
    "claude-opus-5-thinking-16k": ("claude-opus-5", False),
    "claude-opus-4-6-fast": ("claude-opus-4-6", True),
    "anthropic.claude-opus-4-6-fast-v1:0": ("claude-opus-4-6", True),
    "databricks-claude-3-7-sonnet": ("claude-3-7-sonnet", False),
    "claude-3-5-sonnet-v2@20241022": ("claude-3-5-sonnet-v2-20241022", False),
}


@pytest.mark.parametrize("model", SPELLINGS)
def test_an_id_is_read_as_the_model_that_it_names(model: str) -> None:
    assert spelling(model) == SPELLINGS[model]
    assert is_plain(spelling(model).name)


def test_a_family_may_stand_before_or_behind_its_version_and_a_variant_is_not_plain() -> None:
    assert spellings("claude-4.6-opus-20260205")[2] == "claude-opus-4-6-20260205"
    assert not any(map(is_plain, ("claude-opus-4-6-huge", "gpt-9", "claude-opus-4-6-preview", "claude")))


def bill(model: str = "claude-opus-4-6", day: date | None = date(2026, 6, 1), **more: object) -> Bill:
    plain = {
        "tokens": (1_000_000, 0, 0, 0),
        "hour": 0,
        "searches": 0,
        "is_fast": False,
        "is_us": False,
        "is_batch": False,
    }
    return Bill(model, day, **plain | more)  # type: ignore[arg-type] # the values are of each test


@pytest.mark.parametrize(
    ("paid", "cost"),
    [
        (bill(), 5.0),
        (bill(is_fast=True), 30.0),
        (bill(is_us=True, is_batch=True), 2.75),
        (bill(tokens=(0, 0, 0, 1_000_000), hour=2_000_000), 10.0),
        (bill(searches=3), 5.03),
        (bill(day=date(2026, 3, 12)), 10.0),
        (bill(day=date(2026, 3, 13)), 5.0),
        (bill("claude-opus-4-8", None), 5.0),
        (bill(day=None), None),
        (bill("claude-haiku-4-5", is_fast=True), None),
        (bill("claude-opus-4-6-huge"), None),
    ],
)
def test_a_bill_costs_what_the_list_says(paid: Bill, cost: float | None) -> None:
    found = price_list(None).cost(paid)
    assert (found is None) == (cost is None)
    assert found is None or found == pytest.approx(cost)


def test_a_list_of_ones_own_goes_first_and_the_longer_pattern_before_the_shorter() -> None:
    ours = Price(1, "^claude-opus-4-6$", None, None, {"input_usd": 5})
    short, long = (Price(0, pattern, None, None, {"input_usd": usd}) for pattern, usd in (("opus", 1), ("opus-4", 2)))
    assert PriceList([ours, short, long]).cost(bill()) == 2
    assert PriceList([ours, short]).cost(bill(tokens=(0, 1, 0, 0))) is None
