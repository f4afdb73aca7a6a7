"""What the linters and the type checker say of the whole repository: nothing. Each runs as it does from the shell."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = [
    *("analytics", ".ci/run", "tests/images/prepare", "tests/images/postgres/entrypoint"),
    *("services/init/init.sh", "services/pin-images", "services/scheduler/analytics", "metabase/start.sh"),
]


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a tool of this environment in the root of the checkout."""
    path = f"{Path(sys.prefix, 'bin')}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False
    )


def assert_silent(*command: str) -> None:
    """The tool is content; otherwise its words are the test's."""
    result = run(*command)
    assert result.returncode == 0, f"{' '.join(command)}\n{(result.stdout + result.stderr)[:6000]}"


def test_ruff_finds_nothing_to_say() -> None:
    assert_silent("ruff", "check", "--output-format", "concise", ".")


def test_ruff_would_format_nothing() -> None:
    assert_silent("ruff", "format", "--check", ".")


def test_mypy_finds_no_type_error() -> None:
    assert_silent("mypy", ".")


@pytest.mark.parametrize("script", [name for name in SCRIPTS if (ROOT / name).exists()])
def test_shellcheck_finds_nothing_in_the_scripts(script: str) -> None:
    assert_silent("shellcheck", "--severity=warning", script)


@pytest.mark.skipif(shutil.which("dash") is None, reason="no dash, the strictest sh, on PATH")
def test_the_launcher_is_posix_sh() -> None:
    assert (ROOT / "analytics").read_text(encoding="utf-8").startswith("#!/bin/sh\n")
    assert_silent("dash", "-n", "analytics")
