"""Every card on a published database: it answers, and headline figures are those of a second count from the files."""

import csv
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from dashboards.card_query import opened, run_card
from dashboards.definitions import load_catalog
from report.export import export_csv, export_png
from verify.files import transcript_files
from verify.recount import Recount

CATALOG = load_catalog()
EVERYTHING = {"date_from": "2000-01-01", "date_to": "2100-01-01"}


@pytest.fixture(scope="module")
def connection(published: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with opened(published, "Europe/Berlin") as connection:
        yield connection


@pytest.mark.parametrize("key", CATALOG.cards)
def test_a_card_answers_whatever_filter_is_set(connection: duckdb.DuckDBPyConnection, key: str) -> None:
    """It may have no rows; a mart it reads is never missing."""
    [(project,)] = connection.execute("select min(project_name) from marts.dim_projects").fetchall()
    for given in ({}, EVERYTHING, {**EVERYTHING, "project": project}, {**EVERYTHING, "project": "no such project"}):
        assert run_card(connection, CATALOG, CATALOG.cards[key], **given).missing is None


def test_every_card_but_those_of_rare_things_shows_something_on_the_sample(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    # The run that builds the marts is not yet in them, the sample's people stay in their projects and type no secret,
    # and no model drifts.
    rare = {"trust.runs", "code.files_elsewhere", "trust.secrets", "insights.drift"}
    rare |= {"budgets.running", "budgets.differences", "budgets.currencies", "trust.cost_centres", "team.weeks"}
    empty = {key for key, card in CATALOG.cards.items() if not run_card(connection, CATALOG, card, **EVERYTHING).rows}
    assert empty <= rare


def test_headline_figures_are_those_of_a_second_count_from_the_files(
    connection: duckdb.DuckDBPyConnection, demo: Path
) -> None:
    recount = Recount()
    for source_file, path in transcript_files([demo / "transcripts"]).items():
        recount.read(source_file, path)
    counted = recount.count()
    tokens = sum(sum(response.tokens) for response in counted.responses)

    def figure(key: str) -> float:
        return float(list(run_card(connection, CATALOG, CATALOG.cards[key], **EVERYTHING).rows[-1].values())[-1])

    assert figure("overview.sessions") == len(counted.named_sessions)
    assert figure("overview.tokens") == tokens
    assert figure("overview.tool_calls") == counted.tool_calls.total()
    assert figure("trust.set_aside") == len(recount.rejected)
    [(files,)] = connection.execute(
        "select count(distinct file_path) from marts.fct_file_operations where is_change and date_key is not null"
    ).fetchall()
    assert figure("code.files") == files


def test_cards_that_show_the_same_thing_agree(connection: duckdb.DuckDBPyConnection) -> None:
    """Sums over models, projects and threads are the headline's, so a reader can trace one in the other."""

    def total(key: str, value: str) -> float:
        rows = run_card(connection, CATALOG, CATALOG.cards[key], **EVERYTHING).rows
        return sum(float(row[value] or 0) for row in rows)

    headline = float(run_card(connection, CATALOG, CATALOG.cards["overview.cost"], **EVERYTHING).rows[-1]["cost"])
    for key in ("cost.models", "cost.threads", "cost.cost_by_day_model", "projects.cost_over_time"):
        assert total(key, "cost") == pytest.approx(headline)
    parts = sum(total("cost.cost_parts", part) for part in ("input", "output", "cache_read", "cache_write"))
    assert parts == pytest.approx(headline, rel=1e-3)  # web searches are the rest


def test_every_card_becomes_a_csv_and_every_chart_a_picture(published: Path, tmp_path: Path) -> None:
    files = export_csv(published, tmp_path / "csv", timezone="Europe/Berlin")
    assert {file.stem for file in files} == set(CATALOG.cards)
    with (tmp_path / "csv" / "cost.models.csv").open(encoding="utf-8") as file:
        assert next(csv.reader(file))[:2] == ["model", "cost"]
    pictures = export_png(published, tmp_path / "png", timezone="Europe/Berlin", dark=True)
    assert pictures
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in pictures)
