"""Whole runs over a valid history that is beside a hostile one: what is valid gives the same figures, to the row.

    ./analytics test tests/faults/test_runs.py                              # one tree of some 2,000 damaged lines
    FAULTS_RUNS=20 FAULTS_SEED=100 ./analytics test tests/faults/test_runs.py -n 0

A failure keeps its tree and names it, with the tests of dbt that failed and the rows that they found.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.dbt_forks import Forks
from tests.faults.figures import Figures, count, figures_of
from tests.faults.giants import GIANTS, MOST_MIB, write_giant
from tests.faults.hostile_tree import PROJECT, write_hostile
from tests.faults.measured_run import VERIFY, MeasuredRun, run
from tests.faults.seeds import sample

RUNS = int(os.environ.get("FAULTS_RUNS", "1"))
SEED = int(os.environ.get("FAULTS_SEED", "1"))
FILES, LINES = 10, 200


@dataclass(frozen=True)
class Valid:
    """A history that was run by itself."""

    seed: int
    sessions: set[str]
    figures: Figures


@pytest.fixture(scope="module")
def valid(tmp_path_factory: pytest.TempPathFactory, dbt_forks: Forks) -> Valid:
    folder = tmp_path_factory.mktemp("valid")
    tree = sample(folder / "projects", seed=5, days=6)
    alone = run(tree, folder / "data", cli=dbt_forks.cli())
    assert alone.code == 0, alone.errors[-3_000:]
    sessions = {path.stem for path in tree.glob("*/*.jsonl")}
    return Valid(5, sessions, figures_of(folder / "data", sessions))


def explained(done: MeasuredRun, tree: Path) -> str:
    """Return what a run that failed says, and where its tree is."""
    found = done.answer["failed_tests"] if done.output.strip() else []
    tests = [f"{test['node']['name']}: {test['columns']} {test['rows'][:3]}" for test in found]
    return "\n".join([f"tree: {tree}", *tests, done.errors[-3_000:]])


def assert_untouched(valid: Valid, data: Path) -> None:
    """Fail where a row of a valid session is another one than without its neighbours."""
    found = figures_of(data, valid.sessions)
    assert sum(map(len, valid.figures.values())) > 500
    for table, rows in valid.figures.items():
        assert found[table] == rows, table


@pytest.mark.parametrize("seed", range(SEED, SEED + RUNS))
def test_a_hostile_history_changes_no_figure_of_a_valid_one(seed: int, valid: Valid, tmp_path: Path) -> None:
    tree, data = sample(tmp_path / "projects", seed=valid.seed, days=6), tmp_path / "data"
    write_hostile(tree, seed=seed, files=FILES, lines=LINES, scratch=tmp_path / "scratch")
    for name, giant in GIANTS.items():
        write_giant(giant, tree / f"{PROJECT}-giants" / f"{name}.jsonl", giant.small)
    done = run(tree, data)
    assert done.code == 0, explained(done, tree)
    assert done.peak < MOST_MIB, done.peaks
    assert_untouched(valid, data)
    assert count(data, "select count(*) from raw.dead_letters") > 100
    assert_every_line_is_somewhere(data)
    counted = run(tree, data, VERIFY)
    assert counted.code == 0, counted.output + counted.errors


def assert_every_line_is_somewhere(data: Path) -> None:
    """Fail where a line that was collected is neither in the rows nor among those that were rejected with a reason."""
    lines = count(data, "select sum(lines) - sum(duplicates) - sum(dead_letters) from raw.transcript_files")
    loaded = "select document_id from raw.conversations union select document_id from raw.rejected_documents"
    assert count(data, f"select count(*) from ({loaded})") == lines
    dead = "select sum(dead_letters) from raw.transcript_files"
    assert count(data, "select count(*) from raw.dead_letters") == count(data, dead)
