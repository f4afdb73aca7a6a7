"""Transcripts that are large in one respect: a run ends well, counts what is in them, and no process gets large.

    FAULTS_GIANTS=1 ./analytics test tests/faults/test_giants.py -n 0 -s        # 100 MB lines, a million lines; peaks

Small ones of the same kinds lie in the hostile tree of `test_runs.py`, and share its run.
"""

import os
from pathlib import Path

import pytest

from tests.faults.figures import count
from tests.faults.giants import GIANTS, write_giant
from tests.faults.measured_run import run


@pytest.mark.skipif(not os.environ.get("FAULTS_GIANTS"), reason="takes minutes: set FAULTS_GIANTS=1")
@pytest.mark.parametrize("name", GIANTS)
def test_a_large_transcript_is_read_in_bounded_memory(name: str, tmp_path: Path) -> None:
    giant = GIANTS[name]
    write_giant(giant, tmp_path / "projects" / "-work-shop" / "giant.jsonl", giant.large)
    measured = run(tmp_path / "projects", tmp_path / "data")
    print(f"\n{name}: {giant.large}, {measured.seconds:.0f} s, peaks in MiB: {measured.peaks}")
    assert measured.code == 0, measured.errors[-3_000:]
    assert count(tmp_path / "data", giant.query) == giant.figure(giant.large)
    assert measured.peak < giant.most_mib
