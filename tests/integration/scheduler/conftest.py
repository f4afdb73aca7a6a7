"""A runner over the small dbt project, with two numbers waiting."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler.runner import Runner
from tests.integration.scheduler.small import loader_of, make_project, make_runner, make_settings


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    settings = make_settings(tmp_path)
    runner = make_runner(settings, make_project(tmp_path / "project"), database_wait=0.5)
    loader_of(runner).waiting = [0, 1]
    yield runner
    runner.close()
