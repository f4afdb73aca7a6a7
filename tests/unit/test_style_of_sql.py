"""What sqlfluff says of the dbt project: nothing. Its own file, since it compiles the whole project first."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_sqlfluff_finds_nothing_in_models_tests_and_macros() -> None:
    sqlfluff = Path(sys.prefix, "bin", "sqlfluff")
    folders = [f"dbt/{name}" for name in ("models", "tests", "macros")]
    command = [str(sqlfluff), "lint", "--disable-progress-bar", *folders]
    result = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False)
    assert result.returncode == 0, (result.stdout + result.stderr)[:6000]
