"""Every card on a real history, where one is given: it answers, and headlines are those of an independent count."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dashboards.card_query import opened, run_card
from dashboards.definitions import load_catalog
from report.html import write_report

ROOT = Path(__file__).resolve().parent.parent.parent.parent
CATALOG = load_catalog()
EVERYTHING = {"date_from": "2000-01-01", "date_to": "2100-01-01"}


@pytest.mark.corpus
def test_every_card_answers_on_the_corpus(corpus: Path, expected: dict[str, Any], tmp_path: Path) -> None:
    """Sessions, tokens, tool calls and lines set aside are exactly the expected ones, and the report stays small."""
    options = ["--transcripts", str(corpus / "projects"), "--data", str(tmp_path / "data"), "--json"]
    subprocess.run(
        [sys.executable, "-P", "-m", "cli", "run", *options],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
    )
    database = tmp_path / "data" / "duckdb" / "current" / "analytics.db"
    with opened(database, "UTC") as connection:
        found = {key: run_card(connection, CATALOG, card, **EVERYTHING) for key, card in CATALOG.cards.items()}
    assert {key: rows.missing for key, rows in found.items() if rows.missing} == {}
    assert {key for key, rows in found.items() if not rows.rows} <= {"trust.runs"}
    last = {key: list(rows.rows[-1].values())[-1] for key, rows in found.items() if rows.rows}
    assert last["overview.sessions"] == expected["sessions"]
    assert last["overview.tokens"] == sum(expected["tokens"].values())
    assert last["overview.tool_calls"] == expected["tool_uses"] + expected["tool_uses_only_in_progress"]
    assert last["trust.set_aside"] == expected["malformed"]
    write_report(database, tmp_path / "report.html", timezone="UTC")
    assert (tmp_path / "report.html").stat().st_size < 3_000_000
