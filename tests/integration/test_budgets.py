"""Cost centres, budgets and a closed month through whole runs: late lines, other rules, a broken file, a full rebuild.

One history is played once; every test looks at what was seen on the way.
"""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from common.paths import DataPaths
from common.settings import load_settings
from dashboards.card_query import run_card
from dashboards.definitions import load_catalog
from dashboards.formats import show
from scheduler.budgets.automatic import closing_refresh
from scheduler.publish import current_generation
from standalone.engine import open_engine
from tests.integration.budget_story import (
    BEFORE,
    CHANGED,
    LAST,
    MONTH,
    RULES,
    TODAY,
    Story,
    Terminal,
    adds_up,
    by_cost_centre,
    database,
)

CATALOG = load_catalog()


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("budgets")
    settings = load_settings(
        data_dir=folder / "data",
        transcripts_dir=(folder / "projects",),
        timezone="UTC",
        host_name="here",
        currency="EUR",
        currency_rates='{"EUR": 1.25}',
    )
    with open_engine(settings) as engine:
        yield Story(folder, engine)


@pytest.fixture
def ask(story: Story, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.chdir(story.folder)
    return Terminal(story, capsys)


def test_an_empty_history_has_budgets_and_no_statement(story: Story, ask: Terminal) -> None:
    (story.folder / "projects").mkdir()
    (story.folder / "data").mkdir(exist_ok=True)
    story.rules(RULES)
    story.run()  # with every test of dbt
    with closing(database(story)) as connection:
        assert connection.execute("select count(*) from marts.dim_sessions").fetchall() == [(0,)]
    web, other = ask("budgets")["budgets"]
    assert (web["spent"], web["usedShare"], web["forecastUSD"], web["periodStart"]) == (0, 0, None, f"{TODAY:%Y-%m}-01")
    assert (other["spent"], other["amountUSD"], other["usdRate"]) == (None, None, None)
    assert ask("statement") == {"months": []}
    assert "There are no responses in" in ask.text("statement", MONTH)[1]
    code, text = ask.text("statement", "--close", MONTH)
    assert (code, "so there is nothing to close" in text) == (1, True)
    assert story.told == []


def test_the_first_rule_that_matches_names_who_pays(story: Story, ask: Terminal) -> None:
    story.write("web1", LAST, "/w/acme/web", "fix/ABC-1", 300_000)
    story.write("web1", LAST, "/w/acme/web", "main", 200_000)
    story.write("api1", LAST, "/w/acme/api", "release/1", 100_000, count=3)
    story.write("api1", LAST, "/w/acme/api", "main", 100_000)
    story.write("old", LAST.replace(day=1) - timedelta(days=1), "/w/other", None, 55_555)
    story.write("now", TODAY, "/w/acme/web", "main", 1_500_000)
    story.run()
    statement = ask("statement", MONTH)
    assert not statement["isClosed"]
    assert statement["currency"] == "EUR"
    assert set(by_cost_centre(statement)) == {"acme ABC-1", "acme web", "releases", "unassigned"}
    assert {row["team"] for row in statement["rows"]} == {"web", "api", None}
    assert adds_up(story, statement)
    code, text = ask.text("statement", MONTH, "--currency", "GBP")
    assert (code, "no rate of GBP is known" in text) == (1, True)
    story.seen["open"] = statement


def test_a_dashboard_has_the_months_in_another_currency_as_the_terminal_has(story: Story, ask: Terminal) -> None:
    with closing(database(story)) as connection:
        shown = run_card(connection, CATALOG, CATALOG.cards["budgets.currencies"])
    assert shown.rows, shown.missing
    for row in shown.rows:
        assert show(row["amount"], "amount") == f"{ask('statement', row['month'])['total']:,.2f}", row["month"]
        assert (row["currency"], row["rate"]) == ("EUR", "1.25")


def test_a_budget_is_told_of_once_over_restarts(story: Story, ask: Terminal) -> None:
    web = ask("budgets")["budgets"][0]
    assert web["spentUSD"] == pytest.approx(7.5, abs=0.01)
    assert web["spent"] == pytest.approx(6, abs=0.01)
    assert web["remaining"] == pytest.approx(4, abs=0.01)
    assert len(story.told) == 1
    assert "Budget web, month from" in story.told[0]
    assert "of 10.00 EUR spent (60" in story.told[0]
    assert story.run().status == "unchanged"
    assert len(story.told) == 1


def test_a_closed_month_keeps_its_figures_when_late_lines_and_other_rules_come(story: Story, ask: Terminal) -> None:
    closed = ask("statement", "--close", MONTH)
    assert (closed["isClosed"], closed["version"], closed["totalUSD"]) == (True, 1, story.seen["open"]["totalUSD"])
    assert closed["differences"] == []
    code, text = ask.text("statement", "--close", MONTH)
    assert (code, "is already closed" in text) == (1, True)
    story.write("late", LAST, "/w/acme/web", "main", 400_000)
    story.rules(CHANGED)
    assert story.run().status == "succeeded"
    after = ask("statement", MONTH)
    assert after["rows"] == closed["rows"]
    assert after["totalUSD"] == closed["totalUSD"] < after["todayUSD"]
    causes = {(row["cause"], row["costCentre"]): round(row["costUSD"], 6) for row in after["differences"]}
    assert set(causes) == {("lines", "acme web"), ("cost centre", "releases"), ("cost centre", "shipping")}
    assert causes["cost centre", "releases"] == -causes["cost centre", "shipping"] < 0
    assert causes["lines", "acme web"] == pytest.approx(after["todayUSD"] - after["totalUSD"], abs=0.01)
    assert "restate" in ask.text("statement", MONTH)[1]
    with closing(database(story)) as connection:
        sql = "select sum(amount_usd)::double from marts.agg_monthly_statement where month_start = ?"
        assert connection.execute(sql, [LAST.replace(day=1)]).fetchall() == [(closed["totalUSD"],)]
    story.seen["closed"] = closed


def test_a_full_rebuild_keeps_the_closed_month(story: Story, ask: Terminal) -> None:
    story.run(full_refresh=True)
    after = ask("statement", MONTH)
    assert after["rows"] == story.seen["closed"]["rows"]
    assert len(after["differences"]) == 3


def test_a_restatement_lists_what_changed_and_keeps_the_old_version(story: Story, ask: Terminal) -> None:
    code, text = ask.text("statement", "--restate", MONTH)
    assert (code, "--reason" in text) == (2, True)
    listed = ask("statement", MONTH)["differences"]
    restated = ask("statement", "--restate", MONTH, "--reason", "late session")
    assert (restated["version"], restated["reason"]) == (2, "late session")
    assert restated["restated"] == listed
    assert "shipping" in by_cost_centre(restated)
    assert adds_up(story, restated)
    code, text = ask.text("statement", "--restate", MONTH, "--reason", "again")
    assert (code, "nothing to restate" in text or "not compared" in text) == (1, True)
    story.run()
    assert ask("statement", MONTH)["differences"] == []
    assert ask("statement", MONTH, "--version", "1")["rows"] == story.seen["closed"]["rows"]
    assert "version 2 has replaced it" in ask.text("statement", MONTH, "--version", "1")[1]


def test_a_broken_file_stops_no_publication_and_is_said(story: Story, ask: Terminal) -> None:
    before = ask("statement", MONTH)
    story.rules("rules: [")
    story.write("now", TODAY, "/w/acme/web", "main", 10)
    result = story.run()
    assert result.status == "succeeded"
    assert any("cost-centres.yaml" in warning for warning in result.warnings)
    assert ask("statement", MONTH)["rows"] == before["rows"]
    assert ask("statement", MONTH)["differences"] == []
    assert "Needs attention" in ask.text("budgets")[1]
    assert any("cost-centres.yaml" in text for text in story.told)
    code, text = ask.text("statement", "--close", BEFORE)
    assert (code, "correct it and run ./analytics run before you close a month" in text) == (1, True)
    story.rules(CHANGED)
    story.run()
    assert "Needs attention" not in ask.text("budgets")[1]


def test_months_that_ended_are_closed_by_themselves_where_a_setting_says_so(story: Story, ask: Terminal) -> None:
    paths = DataPaths.of(story.engine.settings)
    generation = current_generation(paths.duckdb)
    assert generation is not None
    far, near = (closing_refresh(paths.duckdb, paths.statements, days) for days in (10_000, 1))
    assert far.holds is not None
    assert near.holds is not None
    assert far.holds(generation)
    assert not near.holds(generation)
    near.run(generation)
    assert near.holds(generation)
    states = {month["month"]: month["version"] for month in ask("statement")["months"]}
    assert states == {BEFORE: 1, MONTH: 2, f"{TODAY:%Y-%m}": None}
    code, text = ask.text("statement", "--close", f"{TODAY:%Y-%m}")
    assert (code, "has not ended" in text) == (1, True)


def test_a_statement_that_was_changed_by_hand_is_refused_and_said(story: Story, ask: Terminal) -> None:
    file = DataPaths.of(story.engine.settings).statements / f"{MONTH}.v1.json"
    good = file.read_text()
    file.write_text(good.replace('"response_count": 1', '"response_count": 2', 1))
    code, text = ask.text("statement", MONTH)
    assert (code, "its checksum differs; put the file back from a backup" in text) == (1, True)
    assert any(f"{MONTH}.v1.json" in warning for warning in story.run().warnings)
    file.write_text(good)
    assert ask("statement", MONTH)["version"] == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["2026-13"], "expected a month as YYYY-MM, found '2026-13'"),
        (["--close", "2026-1"], "expected a month as YYYY-MM"),
        (["2026-10", "--close", "2026-10"], "expected one month"),
        (["2026-10", "--currency", "euro"], "--currency: expected the three letters"),
        (["2026-10", "--json", "--csv"], "exclude each other"),
        ([MONTH, "--version", "9"], "closed versions, found 9"),
    ],
)
def test_wrong_usage_is_one_line(options: list[str], said: str, ask: Terminal) -> None:
    code, text = ask.text("statement", *options)
    assert (code, text.count("\n")) == (2, 1)
    assert said in text


def test_csv_has_the_rows(ask: Terminal) -> None:
    lines = ask.text("statement", MONTH, "--csv")[1].splitlines()
    assert lines[0].startswith("month,team,costCentre,project,")
    assert len(lines) == 1 + len(ask("statement", MONTH)["rows"])
    assert ask.text("budgets", "--csv")[1].startswith("budget,scope,scopeName,period")
