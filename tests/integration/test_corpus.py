"""One run over a real history, where one is given: every figure is that of an independent count."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dashboards.card_query import opened, run_card
from dashboards.definitions import load_catalog
from report.html import write_report
from tests.dbt_forks import Forks
from verify.compare import verify

pytestmark = pytest.mark.corpus
ROOT = Path(__file__).resolve().parent.parent.parent
CATALOG = load_catalog()
EVERYTHING = {"date_from": "2000-01-01", "date_to": "2100-01-01"}
TIMEZONE = "Europe/Berlin"
RARE = {
    *("trust.runs", "trust.cost_centres", "team.weeks", "insights.drift"),
    *("budgets.running", "budgets.differences", "budgets.currencies"),
}
"""Cards of what the corpus has none of: runs before this one, budgets, closed months, a model that drifted."""


@dataclass(frozen=True)
class Built:
    """What the run over the corpus published, and what it said."""

    projects: Path
    database: Path
    summary: dict[str, Any]
    connection: duckdb.DuckDBPyConnection


@pytest.fixture(scope="module")
def built(corpus: Path, tmp_path_factory: pytest.TempPathFactory, dbt_forks: Forks) -> Iterator[Built]:
    folder = tmp_path_factory.mktemp("corpus")
    places = ["--data", str(folder / "data"), "--transcripts", str(corpus / "projects")]
    done = subprocess.run(
        [*dbt_forks.cli(), "run", "--json", *places],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TIMEZONE": TIMEZONE, "HOST_NAME": "test"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-3000:]
    database = folder / "data" / "duckdb" / "current" / "analytics.db"
    with duckdb.connect(str(database), read_only=True) as connection:
        yield Built(corpus / "projects", database, json.loads(done.stdout)["summary"], connection)


def test_tokens_of_each_day_and_model_are_exactly_the_expected_ones(built: Built, expected: dict[str, Any]) -> None:
    kinds = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_creation_tokens")
    found = built.connection.execute(
        "select strftime(timezone('UTC', requested_at), '%Y-%m-%d|') || model, "
        + ", ".join(f"cast(sum({kind}) as bigint)" for kind in kinds)
        + " from marts.fct_api_requests group by all"
    ).fetchall()
    keys = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    assert {cell: dict(zip(keys, tokens, strict=True)) for cell, *tokens in found} == expected["by_day_model"]


def test_sessions_responses_calls_errors_and_lines_are_the_expected_ones(
    built: Built, expected: dict[str, Any]
) -> None:
    summary = built.summary
    assert summary["sessions"] == expected["sessions"]
    assert summary["tool_calls"] == expected["tool_uses"] + expected["tool_uses_only_in_progress"]
    assert summary["api_requests"] == expected["responses"]
    assert (summary["lines"], summary["lines_set_aside"]) == (expected["lines"], expected["malformed"])
    [(documents,)] = built.connection.execute("select count(distinct document_id) from raw.conversations").fetchall()
    [(errors,)] = built.connection.execute(
        "select count(*) from marts.fct_tool_calls where (is_error or is_denied) and not is_progress_only"
    ).fetchall()
    assert documents == expected["lines"] - expected["malformed"]
    assert errors == expected["errors"]


def test_the_second_count_agrees(built: Built, expected: dict[str, Any]) -> None:
    report = verify(built.database, [built.projects], TIMEZONE)
    assert report.agrees, report.differences[:5]
    assert (report.sessions, report.responses) == (expected["sessions"], expected["responses"])
    assert report.tool_calls == expected["tool_uses"] + expected["tool_uses_only_in_progress"]


def test_every_card_answers_and_headlines_are_the_expected_figures(built: Built, expected: dict[str, Any]) -> None:
    with opened(built.database, TIMEZONE) as connection:
        found = {key: run_card(connection, CATALOG, card, **EVERYTHING) for key, card in CATALOG.cards.items()}
    assert {key: rows.missing for key, rows in found.items() if rows.missing} == {}
    assert {key for key, rows in found.items() if not rows.rows} <= RARE
    last = {key: list(rows.rows[-1].values())[-1] for key, rows in found.items() if rows.rows}
    assert last["overview.sessions"] == expected["sessions"]
    assert last["overview.tokens"] == sum(expected["tokens"].values())
    assert last["overview.tool_calls"] == expected["tool_uses"] + expected["tool_uses_only_in_progress"]
    assert last["trust.set_aside"] == expected["malformed"]


def test_the_report_stays_small(built: Built, tmp_path: Path) -> None:
    write_report(built.database, tmp_path / "report.html", timezone=TIMEZONE)
    assert (tmp_path / "report.html").stat().st_size < 3_000_000
