"""`./analytics bench`: what makes no sense is refused in one line before anything is measured, and nothing is left."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import structlog
from typer.testing import CliRunner

from bench.chain import environment
from bench.plan import Plan
from cli.main import app


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """The command's umask and log end with the test."""
    before = os.umask(0o022)
    yield
    os.umask(before)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--lines", "10"], "error: --lines: expected at least 1,000, found 10"),
        (["--skip", "lunch"], "error: --skip: expected one of warm, mongodb, dlt, ccusage, found lunch"),
        (
            ["--against", "nowhere"],
            "error: --against: expected a checkout with a file named analytics, found none in no",
        ),
        (["--lines", "900000000000"], "GB free in"),
    ],
)
def test_what_makes_no_sense_takes_one_line_and_leaves_nothing(tmp_path: Path, arguments: list[str], said: str) -> None:
    refused = CliRunner().invoke(app, ["bench", "--data", str(tmp_path), *arguments])
    assert refused.exit_code == 2
    assert said in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_missing_takes_one_line(tmp_path: Path) -> None:
    refused = CliRunner().invoke(app, ["bench", "--data", str(tmp_path / "none")])
    assert refused.exit_code == 2
    assert "--data: expected a folder, found none" in refused.stderr


def test_in_the_appliance_it_says_where_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """The room is not in the image."""
    monkeypatch.setenv("LOADER_URL", "http://loader:8322")
    refused = CliRunner().invoke(app, ["bench"])
    assert refused.exit_code == 2
    assert "bench: expected a checkout, found the appliance" in refused.stderr


def test_a_disk_that_fills_up_takes_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bench.measure.write_history", fill)
    failed = CliRunner().invoke(app, ["bench", "--data", str(tmp_path)])
    assert failed.exit_code == 1
    assert "found: No space left on device; choose a smaller --lines" in failed.stderr
    assert list(tmp_path.iterdir()) == []


class _Disk(NamedTuple):
    free: int


def test_room_is_asked_for_as_much_as_the_largest_size_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: _Disk(20_000_000_000))
    assert CliRunner().invoke(app, ["bench", "--data", str(tmp_path), "--lines", "5000000"]).exit_code == 2


def test_a_history_grows_once_for_every_run_over_new_lines(tmp_path: Path) -> None:
    cold = Plan(tmp_path, (2_000,), say=print, repeat=3, skip=frozenset({"warm"}))
    assert (cold.growths, Plan(tmp_path, (2_000,), say=print, repeat=3).growths) == (3, 6)


def test_no_setting_of_this_machine_reaches_a_measured_run(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MONGO_URI", "MONGO_URI_FILE", "TOOL_OUTPUT_LIMIT", "RUNNER_DIR", "CLAUDE_CONFIG_DIR"):
        monkeypatch.setenv(name, "mine")
    found = environment(COLLECTOR="off")
    assert "mine" not in found.values()
    assert (found["COLLECTOR"], found["TIMEZONE"]) == ("off", "UTC")
