"""A small history with everything that a backup holds, and the commands of the command line on it."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from common.settings import Settings, load_settings
from sample.transcripts import write_sample
from tests.dbt_forks import Forks
from tests.integration.collecting import ROOT, write
from tests.integration.vault.backing import on_mongo
from tests.integration.vault.forgetting import collect, extract, write_history
from tests.integration.vault.histories import Built, build
from tests.made_once import made_once

Answer = subprocess.CompletedProcess[str]
Command = Callable[..., Answer]


@pytest.fixture(scope="session")
def vault_sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of transcripts: three days of the sample, and a line that cannot be parsed. Only to be read."""
    from datetime import date  # noqa: PLC0415

    projects = tmp_path_factory.mktemp("vault") / "projects"
    write_sample(projects, days=3, until=date(2026, 6, 30))
    write(projects / "-odd" / "rejected.jsonl", b'garbage\n\n{"type":"mode"}\n')
    return projects


@pytest.fixture
def settings(tmp_path: Path, vault_sample: Path) -> Settings:
    """The settings of a data directory of its own, over the sample."""
    return load_settings(data_dir=tmp_path / "data", transcripts_dir=vault_sample, host_name="laptop", timezone="UTC")


@pytest.fixture(scope="session")
def built(vault_sample: Path, tmp_path_factory: pytest.TempPathFactory, dbt_forks: Forks, worker_id: str) -> Built:
    """The sample with a planted session, built; each kind of run begins with a copy."""

    def make(folder: Path) -> None:
        def run(transcripts: Path, data: Path) -> None:
            answer = command_in(folder, transcripts, dbt_forks.cli())("run", "--data", data)
            assert answer.returncode == 0, answer.stdout + answer.stderr

        build(folder, vault_sample, run)

    return Built(made_once(tmp_path_factory, worker_id, "vault-history", make))


@pytest.fixture
def cli(dbt_forks: Forks) -> list[str]:
    """The beginning of a command; its dbt is a fork."""
    return dbt_forks.cli()


@pytest.fixture
def analytics(tmp_path: Path, vault_sample: Path, cli: list[str]) -> Command:
    """Runs a command as a person does, in a folder with a `.env`."""
    return command_in(tmp_path, vault_sample, cli)


def command_in(folder: Path, transcripts: Path, cli: list[str]) -> Command:
    """Return what runs a command in this folder, over these transcripts where it names no others."""

    def run(*arguments: object, **variables: str) -> Answer:
        command = [*cli, *map(str, arguments)]
        named = {"TRANSCRIPTS_DIR": str(transcripts), "HOST_NAME": "laptop", "TIMEZONE": "UTC"}
        environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"} | named | variables
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="session")
def past_of_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The history of `past` in SQLite, its transcripts beside it. Only to be copied."""
    folder = tmp_path_factory.mktemp("past")
    settings = load_settings(
        data_dir=folder / "data", transcripts_dir=write_history(folder), host_name="laptop", timezone="UTC"
    )
    collect(settings)
    extract(settings)
    return folder


@pytest.fixture(params=["sqlite", "mongo"])
def past(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path, past_of_sqlite: Path) -> Settings:
    """A history of two sessions in two projects, collected into each kind of record store and extracted."""
    places = {"transcripts_dir": (tmp_path / "projects",), "backup_to": str(tmp_path / "backups")}
    settings = settings.model_copy(update=places)
    shutil.copytree(past_of_sqlite, tmp_path, symlinks=True, dirs_exist_ok=True)
    if request.param == "mongo":
        shutil.rmtree(settings.data_dir)
        settings = on_mongo(settings, request, "forget")
        collect(settings)
        extract(settings)
    return settings
