"""What the doctor says in the scheduler's container, of what only the appliance has."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from cli.doctor import APPLIANCE_CHECKS
from cli.main import app
from common.paths import DataPaths
from scheduler.runner import open_history
from tests.unit.test_doctor import settings_for


def test_what_the_status_page_says_needs_attention_is_said_by_doctor_and_status(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    check = APPLIANCE_CHECKS["Attention"]
    assert check(settings).status == "ok"
    assert not settings.data_dir.exists(), "a look makes no history"
    history = open_history(settings)
    problems = [".env: SCHEDUL, which nothing reads", "The last 2 runs of the pipeline failed."]
    history.set_state("incident", {"since": "2026-05-01", "message": problems[0], "problems": problems, "sent": True})
    assert (check(settings).status, check(settings).found) == ("fail", " ".join(problems))
    shown = CliRunner().invoke(app, ["status", "--data", str(settings.data_dir)], env={"COLUMNS": "200"})
    assert [line for line in shown.output.splitlines() if line.startswith("Needs attention")] == [
        f"Needs attention: {problem}" for problem in problems
    ]


def test_a_disk_without_room_for_the_next_publication_is_said_before_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(tmp_path)
    DataPaths.of(settings).duckdb.root.mkdir(parents=True)
    check = APPLIANCE_CHECKS["Disk"]
    assert check(settings).status == "ok"
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=5 * 2**20))
    assert check(settings).status == "fail"
    assert check(settings).found.startswith("5 MiB free in ")
    assert check(settings).expected == "64 MiB for the next publication"
