"""`daily` to `blocks` on the sample: the marts' figures, ccusage's where both count, and clear refusals."""

import csv
import io
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cli.quick.start import run
from tests.integration.published_rows import rows

TOKENS = {
    "inputTokens": "input_tokens",
    "outputTokens": "output_tokens",
    "cacheCreationTokens": "cache_creation_tokens",
    "cacheReadTokens": "cache_read_tokens",
    "totalTokens": "total_tokens",
}
COST = "sum(cast(cost_usd as decimal(28, 10)))::double"  # the same sum, whatever the order of its rows
GROUPED = {
    "daily": ("date", "full_date::varchar", "agg_daily_usage join marts.dim_date using (date_key)"),
    "weekly": ("week", "week_start::varchar", "agg_daily_usage join marts.dim_date using (date_key)"),
    "monthly": ("month", "strftime(month_start, '%Y-%m')", "agg_daily_usage join marts.dim_date using (date_key)"),
    "models": ("model", "model", "agg_daily_usage"),
    "projects": ("project", "project_name", "agg_daily_usage join marts.dim_projects using (project_id)"),
    "sessions": ("sessionId", "session_id", "agg_session_usage where response_count > 0"),
}
Ask = Callable[..., Any]


@pytest.fixture
def ask(demo: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Run a command on the sample and return its JSON."""
    monkeypatch.chdir(demo)

    def answer(command: str, *options: str) -> Any:
        assert run(command, ["--data", str(demo), "--json", *options]) == 0
        return json.loads(capsys.readouterr().out)

    return answer


@pytest.fixture
def shown(demo: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Run a command on the sample and return what it prints, or its one line of error with the exit code."""
    monkeypatch.chdir(demo)

    def answer(command: str, *options: str) -> tuple[int, str]:
        code = run(command, ["--data", str(demo), *options])
        out, err = capsys.readouterr()
        return code, out + err

    return answer


@pytest.mark.parametrize("command", GROUPED)
def test_every_figure_is_that_of_the_marts(demo: Path, ask: Ask, command: str) -> None:
    key, expression, source = GROUPED[command]
    sums = ", ".join(f"sum({column})::bigint" for column in TOKENS.values())
    sql = f"select {expression}, {sums}, {COST} from marts.{source} group by 1"
    expected = {first: tuple(rest) for first, *rest in rows(demo, sql)}
    answer = ask(command)
    found = {row[key]: (*(row[name] for name in TOKENS), row["totalCost"]) for row in answer[command]}
    assert found == expected
    assert {name: answer["totals"][name] for name in TOKENS} == {
        name: sum(row[name] for row in answer[command]) for name in TOKENS
    }


def test_a_cost_that_is_not_known_is_null_and_its_model_named(ask: Ask, shown: Ask) -> None:
    unknown = [row for row in ask("models")["models"] if row["totalCost"] is None]
    assert [row["model"] for row in unknown] == ["claude-tundra-preview"]
    assert ask("daily")["totals"]["unpricedModels"] == ["claude-tundra-preview"]
    text = shown("models")[1]
    assert "unknown" in next(line for line in text.splitlines() if line.startswith("claude-tundra-preview"))
    assert "are not included in any total; models without a price: claude-tundra-preview" in text


def test_breakdowns_add_up_to_their_row(ask: Ask) -> None:
    for row in ask("weekly")["weekly"]:
        parts = row["modelBreakdowns"]
        assert row["inputTokens"] == sum(part["inputTokens"] for part in parts)
        assert row["modelsUsed"] == sorted(part["modelName"] for part in parts)


def test_a_week_begins_where_it_is_said_to(ask: Ask) -> None:
    monday, sunday = ask("weekly")["weekly"], ask("weekly", "--start-of-week", "sunday")["weekly"]
    assert {datetime.fromisoformat(row["week"]).isoweekday() for row in monday} == {1}
    assert {datetime.fromisoformat(row["week"]).isoweekday() for row in sunday} == {7}
    assert sum(row["totalTokens"] for row in monday) == sum(row["totalTokens"] for row in sunday)


def test_filters_select_days_projects_and_models(demo: Path, ask: Ask) -> None:
    days = [row["date"] for row in ask("daily")["daily"]]
    chosen = ask("daily", "--since", days[3], "--until", days[5].replace("-", ""))
    assert [row["date"] for row in chosen["daily"]] == days[3:6]
    assert [row["date"] for row in ask("daily", "--last", "2", "--order", "desc")["daily"]] == days[:-3:-1]
    project, tokens = rows(
        demo,
        "select project_name, total_tokens from marts.agg_project_usage join marts.dim_projects using (project_id)",
    )[0]
    assert ask("monthly", "--project", project)["totals"]["totalTokens"] == tokens
    (haiku,) = rows(demo, "select sum(total_tokens) from marts.agg_daily_usage where model like '%haiku%'")[0]
    assert ask("sessions", "--model", "Haiku")["totals"]["totalTokens"] == haiku


def test_the_last_periods_are_those_with_a_time_of_every_project(demo: Path, ask: Ask, tmp_path: Path) -> None:
    days = [row["date"] for row in ask("daily")["daily"]][-2:]
    projects = ask("daily", "--instances", "--last", "2")["projects"]
    assert sorted({row["date"] for rows in projects.values() for row in rows}) == days
    (tmp_path / "duckdb").mkdir()
    shutil.copytree(
        demo / "duckdb" / "generations" / "1", tmp_path / "duckdb" / "current", copy_function=shutil.copyfile
    )
    with duckdb.connect(str(tmp_path / "duckdb" / "current" / "analytics.db")) as connection:
        connection.execute(
            "insert into marts.agg_daily_usage select * replace (null as date_key) from marts.agg_daily_usage limit 1"
        )
    timeless = ask("daily", "--data", str(tmp_path))["daily"][-1]
    assert (timeless["date"], timeless["totalTokens"] > 0) == (None, True)
    assert [row["date"] for row in ask("daily", "--data", str(tmp_path), "--last", "2")["daily"]] == days
    assert None not in {row["date"] for row in ask("daily", "--data", str(tmp_path), "--since", "20200101")["daily"]}


def test_instances_show_each_project_by_itself(demo: Path, ask: Ask) -> None:
    by_project = ask("daily", "--instances")["projects"]
    names = {name for (name,) in rows(demo, "select project_name from marts.dim_projects where session_count > 0")}
    assert set(by_project) == names
    assert (
        sum(row["totalTokens"] for days in by_project.values() for row in days)
        == (ask("daily")["totals"]["totalTokens"])
    )


def test_blocks_are_those_of_the_marts(demo: Path, ask: Ask) -> None:
    measures = "response_count, total_tokens, cost_usd"
    expected = rows(demo, f"select block_started_at, {measures} from marts.agg_usage_blocks order by 1")
    found = [
        (datetime.fromisoformat(row["startTime"]), row["entries"], row["totalTokens"], row["costUSD"])
        for row in ask("blocks")["blocks"]
    ]
    assert found == [(started.astimezone(UTC), *rest) for started, *rest in expected]
    haiku = ask("blocks", "--model", "haiku")["blocks"]
    assert {model for row in haiku for model in row["models"]} == {"claude-haiku-4-5-20251001"}


def test_the_table_fits_the_terminal_and_says_what_a_reader_must_know(
    shown: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    for command in (*GROUPED, "blocks"):
        for columns in (60, 80, 120):
            monkeypatch.setenv("COLUMNS", str(columns))
            code, text = shown(command)
            table = text[: text.index("Days start at midnight in")].splitlines()
            assert code == 0
            assert max(map(len, table[:-1])) <= columns, command
            assert "(TIMEZONE). Published 2" in text
            assert "generated sample" in text


def test_csv_has_the_same_rows(ask: Ask, shown: Ask) -> None:
    read = list(csv.DictReader(io.StringIO(shown("sessions", "--csv")[1])))
    expected = ask("sessions")["sessions"]
    assert [(row["sessionId"], row["totalTokens"]) for row in read] == [
        (row["sessionId"], str(row["totalTokens"])) for row in expected
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--since", "20260230"), "expected a day as YYYY-MM-DD or YYYYMMDD, found '20260230'"),
        (("--since", "2026-02-02", "--until", "2026-02-01"), "--since 2026-02-02 is after --until 2026-02-01"),
        (("--project", "lantrn"), "no project is called or contains 'lantrn'; did you mean lantern?"),
        (("--model", "nothing"), "no model is called or contains 'nothing'"),
        (("--timezone", "UTC"), "set TIMEZONE=UTC in .env"),
        (("--csv", "--json"), "--json and --csv exclude each other"),
        (("--nope",), "unrecognized arguments: --nope; ./analytics daily --help lists the options"),
    ],
)
def test_wrong_usage_takes_one_line(shown: Ask, options: tuple[str, ...], said: str) -> None:
    code, text = shown("daily", *options)
    assert code == 2
    assert text.startswith("error: ")
    assert said in text
    assert text.count("\n") == 1


def test_the_status_lines_figures_are_those_of_the_generation(demo: Path) -> None:
    written = json.loads((demo / "duckdb" / "statusline.json").read_text())
    day, figures = next(iter(written["days"].items()))
    sums = f"max(full_date)::varchar, sum(total_tokens)::bigint, {COST}"
    source = "marts.agg_daily_usage join marts.dim_date using (date_key)"
    newest = rows(demo, f"select {sums} from {source} group by date_key order by date_key desc limit 1")[0]
    assert (day, figures["tokens"], figures["cost_usd"]) == newest
    block = "epoch(block_started_at), epoch(block_ends_at), total_tokens, cost_usd"
    assert (*(written["block"][name] for name in ("started_at", "ends_at", "tokens", "cost_usd")),) == rows(
        demo, f"select {block} from marts.agg_usage_blocks order by block_started_at desc limit 1"
    )[0]
    manifest = json.loads((demo / "duckdb" / "current" / "manifest.json").read_text())
    assert (written["generation"], written["timezone"]) == (
        manifest["number"],
        manifest["facts"]["dbt_vars"]["timezone"],
    )


def test_where_nothing_was_used_nothing_was_spent(ask: Ask, shown: Ask) -> None:
    """Which is another thing than a cost that is not known."""
    assert ask("daily", "--until", "2001-01-01") == {"daily": [], "totals": dict.fromkeys(TOKENS, 0) | {"totalCost": 0}}
    assert ask("blocks", "--until", "2001-01-01") == {"blocks": []}
    code, text = shown("sessions", "--until", "2001-01-01", "--last", "3")
    assert (code, text.splitlines()[0]) == (0, "No model responses match this selection.")


def test_nothing_published_yet_takes_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("daily", ["--data", str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        f"error: nothing is published in {tmp_path / 'duckdb'} yet: start with ./analytics run\n"
    )


def test_a_day_costs_what_ccusage_says(demo: Path, ask: Ask, tmp_path: Path) -> None:
    """The sample holds none of the cases that docs/counting.md counts otherwise."""
    program = shutil.which("ccusage")
    if program is None:
        pytest.skip("ccusage is not on PATH (npm install -g ccusage)")
    (tmp_path / "projects").symlink_to(demo / "transcripts")
    zone = json.loads((demo / "duckdb" / "current" / "manifest.json").read_text())["facts"]["dbt_vars"]["timezone"]
    command = [program, "claude", "daily", "--json", "--offline", "--timezone", zone]
    done = subprocess.run(
        command, env=os.environ | {"CLAUDE_CONFIG_DIR": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    theirs = {row["date"]: row for row in json.loads(done.stdout)["daily"]}
    ours = {row["date"]: row for row in ask("daily")["daily"]}
    assert ours.keys() == theirs.keys()
    for day, row in ours.items():
        assert {name: row[name] for name in TOKENS} == {name: theirs[day][name] for name in TOKENS}, day
        assert row["totalCost"] == pytest.approx(theirs[day]["totalCost"], abs=1e-6)
