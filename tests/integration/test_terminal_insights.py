"""`insights` on the sample: what the marts hold, as a table, JSON and CSV; the rule of a kind; refusals."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.quick.start import run
from tests.integration.published_rows import rows

Ask = Callable[..., str]


@pytest.fixture
def ask(demo: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Return what the command prints on the sample."""
    monkeypatch.chdir(demo)

    def answer(*options: str, code: int = 0) -> str:
        assert run("insights", ["--data", str(demo), *options]) == code
        said = capsys.readouterr()
        return said.err if code else said.out

    return answer


def test_json_has_every_finding_and_the_sums_of_each_kind(demo: Path, ask: Ask) -> None:
    found = json.loads(ask("--json"))
    assert list(found) == ["kinds", "findings", "driftAlarms", "costChanges"]
    kept = rows(demo, "select insight_kind, session_id, cost_usd from marts.fct_insights order by all")
    shown = [(row["kind"], row["sessionId"], row["savedUsd"]) for row in found["findings"]]
    assert kept
    assert sorted(shown) == kept
    sums = rows(demo, "select insight_kind, count(*) from marts.fct_insights group by 1")
    assert {(row["kind"], row["findings"]) for row in found["kinds"]} == set(sums)
    assert len(found["costChanges"]) == rows(demo, "select count(*) from marts.agg_cost_changes")[0][0]


def test_the_dearest_findings_come_first_and_a_table_says_how_many_there_are(ask: Ask) -> None:
    saved = [row["savedUsd"] for row in json.loads(ask("--json"))["findings"]]
    assert saved == sorted(saved, reverse=True)
    assert f"The 1 most expensive of {len(saved)}; --last {len(saved)} shows all." in ask("--last", "1")


def test_kind_and_days_leave_out_what_they_say(ask: Ask) -> None:
    kinds = {row["kind"] for row in json.loads(ask("--json", "--kind", "cold_cache"))["findings"]}
    assert kinds == {"cold_cache"}
    late = json.loads(ask("--json", "--since", "2099-01-01"))
    assert late == {"kinds": [], "findings": [], "driftAlarms": [], "costChanges": []}
    said = ask("--since", "2099-01-01")
    assert "No possible savings were found" in said
    assert "Drift: every model metric is within" in said
    assert "Changes: too few prompts" in said


def test_csv_has_a_line_for_each_finding(ask: Ask) -> None:
    lines = list(csv.DictReader(ask("--csv").splitlines()))
    assert [line["evidence"] for line in lines] == [row["evidence"] for row in json.loads(ask("--json"))["findings"]]


def test_the_rule_of_a_kind_is_printed_and_runs(demo: Path, ask: Ask) -> None:
    [(kept,)] = rows(demo, "select count(*) from marts.fct_insights where insight_kind = 'cold_cache'")
    assert len(rows(demo, ask("--sql", "cold_cache"))) >= kept > 0


@pytest.mark.parametrize("option", ["--kind", "--sql"])
def test_an_unknown_kind_is_refused_with_those_there_are(ask: Ask, option: str) -> None:
    said = ask(option, "warm_cache", code=2)
    assert "expected a kind of insight (cold_cache, dear_model" in said
