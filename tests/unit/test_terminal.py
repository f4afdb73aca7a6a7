"""What every command shares: a quick start, and one line for a server that does not answer."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
import typer
from pymongo import MongoClient

from cli.terminal import one_line_errors

ROOT = Path(__file__).resolve().parents[2]


def test_a_command_starts_without_the_libraries_that_only_some_need() -> None:
    command = [sys.executable, "-P", "-c", "import sys, cli.main; print(*sys.modules)"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert {"pymongo", "requests", "pyiceberg", "pyarrow"} & set(done.stdout.split()) == set()


def test_a_mongodb_that_does_not_answer_takes_one_line_with_its_setting(capsys: pytest.CaptureFixture[str]) -> None:
    client = MongoClient[dict[str, Any]]("mongodb://127.0.0.1:1/", serverSelectionTimeoutMS=10)
    with pytest.raises(typer.Exit) as end, one_line_errors(), client:
        client.admin.command("ping")
    assert end.value.exit_code == 1
    shown = capsys.readouterr().err
    assert "check MONGO_URI" in shown
    assert shown.count("\n") == 1


def test_a_catalog_that_does_not_answer_takes_one_line_with_its_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as end, one_line_errors():
        requests.get("http://127.0.0.1:1/v1/config", timeout=5)
    assert end.value.exit_code == 1
    shown = capsys.readouterr().err
    assert "check ICEBERG_REST_URI" in shown
    assert shown.count("\n") == 1
