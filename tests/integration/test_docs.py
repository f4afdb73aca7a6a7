"""What the docs show works: every SQL example has an answer in a demo, and the README's command lines print it."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS, README = ((ROOT / name).read_text(encoding="utf-8") for name in ("docs/sql.md", "README.md"))
EXAMPLES = re.findall(r"^(\S[^\n]*)\n\n```sql\n(.*?)```", DOCS, re.MULTILINE | re.DOTALL)
SHOWN = re.findall(r"^ {4}\./analytics (sql .*)$", README, re.MULTILINE)


@pytest.mark.parametrize(("question", "query"), EXAMPLES, ids=[question[:40] for question, _ in EXAMPLES])
def test_every_question_in_the_docs_has_its_answer(demo: Path, question: str, query: str) -> None:
    with duckdb.connect(str(demo / "duckdb" / "current" / "analytics.db"), read_only=True) as database:
        assert database.execute(query).fetchall(), question


def test_the_examples_are_found() -> None:
    """Otherwise the tests above would hold for no example at all."""
    assert len(EXAMPLES) >= 6
    assert SHOWN


@pytest.mark.parametrize("arguments", SHOWN)
def test_a_sql_command_line_of_the_readme_prints_a_table(demo: Path, arguments: str) -> None:
    command = [sys.executable, "-m", "cli", *shlex.split(arguments), "--data", str(demo)]
    wide = os.environ | {"COLUMNS": "400"}
    result = subprocess.run(command, cwd=ROOT, env=wide, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "usd" in result.stdout
    assert re.search(r"^[1-9]\d* rows$", result.stdout, re.MULTILINE)
