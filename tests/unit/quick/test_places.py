"""Quick commands find the same places as the settings, and load little."""

import subprocess
import sys
from pathlib import Path

import pytest

from cli.quick import COMMANDS
from cli.quick.places import find_places
from common.errors import UsageError
from common.paths import DataPaths
from common.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parents[3]
HEAVY = ("typer", "rich", "pydantic", "pydantic_settings", "pyarrow", "pyiceberg", "pymongo", "requests", "dbt", "yaml")


@pytest.mark.parametrize(
    ("environment", "file"),
    [
        ({}, ""),
        ({"DATA_DIR": "~/kept"}, ""),
        ({"DATA_DIR": "relative"}, "DATA_DIR=/from/file"),
        ({}, "DATA_DIR=/from/file\nDUCKDB_PATH=/volume/analytics.db # comment"),
        ({"data_dir": "/small/letters"}, ""),
        ({"DATA_DIR": "", "DUCKDB_PATH": ""}, 'DATA_DIR="/quoted one"'),
        ({"DUCKDB_PATH": "/volume/analytics.db", "DUCKDB_MEMORY_LIMIT": "1GB"}, ""),
        ({"DATA_DIR_FILE": "name.txt"}, ""),
    ],
)
def test_the_places_are_those_of_the_settings(
    environment: dict[str, str], file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(Settings.model_config, "env_file", ".env")
    (tmp_path / ".env").write_text(file)
    (tmp_path / "name.txt").write_text("/from/named/file\n")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings, places = load_settings(), find_places(None)
    paths = DataPaths.of(settings)
    assert places.data_dir == paths.root
    assert places.published_database == paths.duckdb.published_database
    assert places.demo_marker == paths.demo_marker
    assert places.memory_limit == settings.duckdb_memory_limit


def test_the_option_goes_before_every_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_DIR", "/elsewhere")
    assert find_places(tmp_path).volume == DataPaths.of(load_settings(data_dir=tmp_path)).duckdb.root


def test_a_file_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_DIR_FILE", str(tmp_path / "none"))
    with pytest.raises(UsageError, match=r"DATA_DIR_FILE=.*none: cannot read it"):
        find_places(None)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_quick_command_loads_none_of_what_runs_need(command: str) -> None:
    code = f"import sys, importlib; importlib.import_module({COMMANDS[command].module!r}); print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-P", "-c", code], env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert loaded.returncode == 0, loaded.stderr
    heavy = {*HEAVY, *(("duckdb", "inspect", "argparse") if command == "statusline" else ())}
    assert heavy & set(loaded.stdout.split()) == set()
