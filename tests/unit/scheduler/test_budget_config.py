"""The file of cost centres and budgets: what it may say, and one line for what it may not."""

import re

import duckdb
import pytest

from scheduler.budgets.config import Config, ConfigError, parse_config

GOOD = """
rules:
  - path: /home/me/work/acme
    ticket: '[A-Z]+-\\d+'
    cost_centre: 'acme {ticket}'
    team: web
  - {remote: 'github.com/acme/*', branch: 'release/*', cost_centre: releases}
  - cost_centre: rest
budgets:
  - {name: all, amount: 500, period: month}
  - {name: web, amount: 20.5, currency: eur, period: week, team: web, alerts: [90, forecast], from: 2026-10-01}
"""


def test_a_file_becomes_rules_in_order_and_budgets_with_their_defaults() -> None:
    config = parse_config(GOOD)
    assert [(rule["position"], rule["cost_centre"], rule["team"]) for rule in config.rules] == [
        (1, "acme {ticket}", "web"),
        (2, "releases", None),
        (3, "rest", None),
    ]
    assert config.asks_for_remotes
    everything, web = config.budgets
    assert (everything["scope"], everything["thresholds"], everything["alerts_on_forecast"]) == (
        "all",
        [0.5, 0.8, 1],
        True,
    )
    assert web == {
        "position": 2,
        "name": "web",
        "amount": "20.50",
        "currency": "EUR",
        "period": "week",
        "scope": "team",
        "scope_name": "web",
        "valid_from": "2026-10-01",
        "thresholds": [0.9],
        "alerts_on_forecast": True,
    }


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "rules:\nbudgets: []\n"])
def test_an_empty_file_has_neither_rules_nor_budgets(text: str) -> None:
    assert parse_config(text) == Config()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rules: [", "expected YAML"),
        ("rules: []\nrules: []", "'rules' is given twice"),
        ("- cost_centre: x", "the file: expected rules, budgets, found"),
        ("rule: []", "'rule' is unknown; expected rules, budgets"),
        ("rules: {}\nbudgets: 5", "budgets: expected a list"),
        ("rules: [x]", "rule 1: expected path, remote"),
        ("rules: [{team: x}]", "rule 1: expected cost_centre, found none"),
        ("rules: [{cost_centre: x}, {cost_centre: x, paths: y}]", "rule 2: 'paths' is unknown"),
        ("rules: [{cost_centre: '{ticket}'}]", "expected a ticket key with a regular expression"),
        ("rules: [{cost_centre: x, ticket: '('}]", "rule 1: ticket: expected a regular expression, found '('"),
        ("rules: [{cost_centre: x, branch: [main]}]", "rule 1: branch: expected a text, found ['main']"),
        ("budgets: [{amount: 1, period: day}]", "budget 1: expected name"),
        ("budgets: [{name: a, amount: 1, period: year}]", "period: expected day, week or month, found 'year'"),
        (
            "budgets: [{name: a, period: day}]",
            "amount: expected a number above 0 with at most two decimals, found none",
        ),
        ("budgets: [{name: a, amount: 0, period: day}]", "found 0"),
        ("budgets: [{name: a, amount: 1.005, period: day}]", "found 1.005"),
        ("budgets: [{name: a, amount: .nan, period: day}]", "found nan"),
        ("budgets: [{name: a, amount: 1e300, period: day}]", "found"),
        ("budgets: [{name: a, amount: 1, period: day, currency: euro}]", "expected three letters such as EUR"),
        ("budgets: [{name: a, amount: 1, period: day, team: x, project: y}]", "expected one of project"),
        ("budgets: [{name: a, amount: 1, period: day, alerts: [-5]}]", "alerts: expected percentages above 0"),
        ("budgets: [{name: a, amount: 1, period: day, from: soon}]", "from: expected a day"),
        (
            "budgets: [{name: a, amount: 1, period: day}, {name: a, amount: 2, period: day}]",
            "found 'a' twice; rename one",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)) as caught:
        parse_config(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("rule", "matching", "other"),
    [
        ("path: /w/acme", ["/w/acme", "/w/acme/web/api"], ["/w/acme2", "/w", "/x/w/acme"]),
        ("path: /w/a*", ["/w/acme", "/w/acme/web"], ["/w/b", "/v/w/acme"]),
        ("path: /w/*/web", ["/w/x/web"], ["/w/x/y/web"]),
        ("path: /w/**/web", ["/w/x/web", "/w/x/y/web"], ["/w/web2"]),
        ("path: /w/a.b/", ["/w/a.b"], ["/w/axb"]),
        ("path: 'C:\\w\\acme'", ["c:/w/acme/web"], ["c:/w"]),
        ("branch: 'feature/*'", ["feature/a", "feature/a/b"], ["feature", "x/feature/a"]),
        ("branch: 'v?'", ["v1"], ["v12"]),
        ("remote: github.com/acme/*", ["github.com/acme/web"], ["github.com/acme2/web"]),
        ("ticket: '[A-Z]+-[0-9]+'", ["fix/ABC-12-x"], ["fix/abc"]),
    ],
)
def test_a_glob_matches_what_it_says(rule: str, matching: list[str], other: list[str]) -> None:
    [parsed] = parse_config(f"rules:\n  - cost_centre: x\n    {rule}\n").rules
    pattern = parsed[rule.partition(":")[0]]
    with duckdb.connect() as connection:
        matches = {
            text: connection.execute("select regexp_matches(?, ?)", [text, pattern]).fetchall()[0][0]
            for text in (*matching, *other)
        }
    assert matches == dict.fromkeys(matching, True) | dict.fromkeys(other, False)


@pytest.mark.parametrize(
    ("ticket", "read"),
    [("[A-Z]+-[0-9]+", "ABC-12"), ("([A-Z]+)-[0-9]+", "ABC"), ("(?:ABC|X)-[0-9]+", "ABC-12"), ("A|B", "A")],
)
def test_the_ticket_is_the_first_group_or_all_that_matched(ticket: str, read: str) -> None:
    [rule] = parse_config(f"rules: [{{cost_centre: x, ticket: '{ticket}'}}]").rules
    with duckdb.connect() as connection:
        found = connection.execute("select regexp_extract('fix/ABC-12', ?, 1)", [rule["ticket"]]).fetchall()
    assert found == [(read,)]
