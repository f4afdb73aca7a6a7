"""`./analytics dbt`: what it does to the note of what the models were built from."""

from pathlib import Path

import pytest

from cli.dbt_command import run_dbt, take_data
from common.errors import UsageError
from common.paths import DataPaths
from common.settings import load_settings
from scheduler.build_state import BuildNote
from scheduler.dbt_project import DbtProject


@pytest.mark.parametrize(
    ("args", "built"),
    [
        (["ls"], 7),
        (["test", "--select", "marts"], 7),
        (["build"], None),
        (["--quiet", "run", "--select", "test"], None),
        (["seed"], None),
    ],
    ids=str,
)
def test_a_command_that_may_write_makes_the_next_build_a_full_one(
    args: list[str], built: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings(data_dir=tmp_path)
    note = BuildNote(DataPaths.of(settings).duckdb)
    note.remember_build({"load_id": 7})
    monkeypatch.setattr(DbtProject, "console", lambda *_, **__: 0)
    assert run_dbt(settings, args) == 0
    assert note.built_load_id({"load_id": 8}) == built


@pytest.mark.parametrize(
    ("args", "data", "rest"),
    [
        (["build", "--select", "a"], None, ["build", "--select", "a"]),
        (["--data", "d", "build"], Path("d"), ["build"]),
        (["build", "--data=d", "--select", "a"], Path("d"), ["build", "--select", "a"]),
        (["build", "--", "--data", "d"], None, ["build", "--", "--data", "d"]),
    ],
)
def test_the_data_directory_is_taken_out_of_dbts_arguments(args: list[str], data: Path | None, rest: list[str]) -> None:
    assert take_data(args) == (data, rest)


@pytest.mark.parametrize("args", [["build", "--data"], ["--data=", "build"]])
def test_a_data_option_without_a_folder_is_wrong_usage(args: list[str]) -> None:
    with pytest.raises(UsageError, match="--data: expected a folder"):
        take_data(args)
