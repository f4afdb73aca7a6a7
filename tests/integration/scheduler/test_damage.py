"""What a run finds damaged or lost on the DuckDB volume, and makes again without a hand."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from scheduler.runner import Runner
from tests.integration.scheduler.small import loader_of, published, run

pytestmark = pytest.mark.integration


def _cut_to_half(database: Path) -> None:
    os.truncate(database, database.stat().st_size // 2)


def _overwrite(database: Path) -> None:
    database.write_bytes(b"no database " * 1000)


@pytest.mark.parametrize("damage", [_cut_to_half, _overwrite])
def test_a_damaged_work_database_is_made_again_by_the_next_run(runner: Runner, damage: Callable[[Path], None]) -> None:
    loader_of(runner).waiting = [1, 2]
    run(runner)
    damage(runner.parts.volume.work_database)
    result = run(runner)
    assert result.status == "succeeded", result.message
    assert published(runner, "select n from marts.facts order by n") == [(1,), (2,)]


def test_a_lost_link_is_made_again_by_a_run_that_publishes_nothing(runner: Runner) -> None:
    run(runner)
    volume = runner.parts.volume
    volume.well_known_database.unlink()
    (volume.generations / "2.tmp").mkdir()
    assert run(runner).status == "unchanged"
    assert not (volume.generations / "2.tmp").exists()
    assert published(runner, "select count(*) from marts.facts") == [(2,)]


def test_a_generation_whose_database_is_gone_is_published_again(runner: Runner) -> None:
    run(runner)
    runner.parts.volume.published_database.resolve().unlink()
    assert run(runner).message == "published generation 2"


def test_a_work_database_that_was_lost_is_not_taken_for_what_is_published(runner: Runner) -> None:
    """The first load of the new one has the number of the published one's, and other rows."""
    loader_of(runner).waiting = [1]
    run(runner)
    shutil.rmtree(runner.parts.volume.work_database.parent)
    loader_of(runner).waiting = [2]
    assert run(runner).status == "succeeded"
    assert published(runner, "select n from marts.facts order by n") == [(1,), (2,)]
