"""The pages' scripts, styles and templates: lines are short, and eslint finds nothing where it is installed."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("report/page", "scheduler/web/static", "scheduler/web/templates", "common/design")
WRITTEN = [
    file for folder in FOLDERS for file in sorted((ROOT / folder).iterdir()) if file.suffix in (".js", ".css", ".html")
]
LINTER = ROOT / "tests" / "eslint"
LONGEST = 120


@pytest.fixture(scope="module")
def eslint() -> list[str]:
    """The command that lints, or a skip that says what is missing."""
    command = LINTER / "node_modules" / ".bin" / "eslint"
    if shutil.which("node") is None:
        pytest.skip("no Node.js on PATH: install the packages nodejs and npm")
    if not command.exists():
        pytest.skip("eslint is not installed: npm ci --prefix tests/eslint")
    return [str(command), "--config", str(LINTER / "eslint.config.js")]


def test_no_line_is_longer_than_one_reads() -> None:
    long = [
        f"{file.relative_to(ROOT)}:{number}"
        for file in WRITTEN
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > LONGEST
    ]
    assert long == []


def test_eslint_finds_nothing_in_the_scripts(eslint: list[str]) -> None:
    scripts = [str(file) for file in WRITTEN if file.suffix == ".js"]
    done = subprocess.run([*eslint, *scripts], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_eslint_would_find_a_number_without_a_name(eslint: list[str]) -> None:
    """The rules are at work: an empty answer is not one of a linter that read nothing."""
    command = [*eslint, "--stdin", "--stdin-filename", "report/page/bad.js"]
    done = subprocess.run(
        command, cwd=ROOT, input="export const f = (x) => x + 17;\n", capture_output=True, text=True, check=False
    )
    assert "no-magic-numbers" in done.stdout
