"""What sqlfluff says of the dbt project: nothing. Its own file, since it compiles the whole project first."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# The command itself, but for Python's garbage collector: it went through every syntax tree for a third of the time.
SQLFLUFF = "import gc; gc.set_threshold(500_000, 50, 50); from sqlfluff.cli.commands import cli; cli()"


def test_sqlfluff_finds_nothing_in_models_tests_and_macros() -> None:
    folders = [f"dbt/{name}" for name in ("models", "tests", "macros")]
    command = [sys.executable, "-P", "-c", SQLFLUFF, "lint", "--disable-progress-bar", *folders]
    result = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False)
    assert result.returncode == 0, (result.stdout + result.stderr)[:6000]
