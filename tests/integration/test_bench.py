"""`./analytics bench` at its smallest: every stage and every baseline has figures, and a signal leaves nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bench.chain import serve
from bench.processes import Tree
from tests.dbt_forks import Forks

ROOT = Path(__file__).resolve().parents[2]
CCUSAGE = """#!/bin/sh
[ "$*" = "daily --json --offline --timezone UTC" ] || exit 3
ls "$CLAUDE_CONFIG_DIR"/projects/*/*.jsonl >&2 || exit 4
echo '{"daily": [{"date": "2026-06-29"}]}'
"""
"""Stands in for the program, which would be downloaded; checks that it is asked for the same files."""


class Measured(NamedTuple):
    """What one bench printed, and the folder that it kept."""

    report: dict[str, Any]
    runs: str
    """The module that its runs were."""
    said: str
    folder: Path

    @property
    def size(self) -> dict[str, Any]:
        """The only size that was measured."""
        found: dict[str, Any] = self.report["sizes"][0]
        return found


def command(folder: Path, *arguments: str, module: str = "cli") -> list[str]:
    return [sys.executable, "-P", "-m", module, "bench", "--data", str(folder), "--lines", "1000", *arguments]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, dbt_forks: Forks) -> Measured:
    folder = tmp_path_factory.mktemp("bench")
    (folder / "bin").mkdir()
    (folder / "bin" / "ccusage").write_text(CCUSAGE)
    (folder / "bin" / "ccusage").chmod(0o755)
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PATH": path}
    options, runs = ("--json", "--repeat", "1", "--skip", "warm", "--keep"), dbt_forks.cli_module()
    arguments = command(folder, *options, module="cli" if runs == "cli" else "tests.bench_with_forks")
    done = subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Measured(json.loads(done.stdout), runs, done.stderr, next(folder.glob("claude-analytics-bench-*")))


def test_every_stage_has_figures(measured: Measured) -> None:
    size = measured.size
    assert (size["lines"], size["new_lines"]) == (1_000, 1_000)
    for name in ("first_import", "new_lines", "nothing_new"):
        stage = size["stages"][name]
        assert stage["seconds"]["median"] > stage["steps"]["extract"]["median"] > 0, name
        assert stage["steps"].keys() >= {"start_up", "collect", "extract"}, name
        assert stage["cpu_seconds"]["median"] > 0, name
        assert stage["peak_mib"][f"{measured.runs} run"] > 0, name
    imported = size["stages"]["first_import"]
    rate = size["documents"] / imported["seconds"]["median"]
    assert imported["docs_per_second"]["median"] == pytest.approx(rate, 0.01)
    assert size["stages"]["new_lines_warm"] == {"reason": "left out with --skip warm"}


def test_every_baseline_has_figures(measured: Measured) -> None:
    names = {"duckdb_floor", "daily_usage", "ccusage", "collect_into_mongodb", "raw_drain", "flatten_path", "extract",
             "end_to_end", "dlt_landing", "dlt_parquet"}  # fmt: skip
    assert measured.size["baselines"].keys() == names
    assert {name: found for name, found in measured.size["baselines"].items() if "reason" in found} == {}
    assert all(found["seconds"]["median"] > 0 for found in measured.size["baselines"].values())


def test_every_store_has_bytes(measured: Measured) -> None:
    stores = measured.size["stores"]
    assert stores.keys() == {"transcripts", "records", "iceberg", "work", "published", "report", "mongodb"}
    assert all(size > 0 for size in stores.values())
    assert stores["transcripts"] > 1_000_000


def test_each_ratio_is_a_number_or_has_a_reason(measured: Measured) -> None:
    ratios = measured.report["ratios"]
    assert {name for name, ratio in ratios.items() if ratio is None} == measured.report["reasons"].keys()
    assert all(ratio > 0 for ratio in ratios.values() if ratio is not None)
    assert all(measured.report["reasons"].values())
    expected = ("extract_vs_raw_drain", "extract_cpu_vs_flatten_path", "end_to_end_vs_dlt", "daily_usage_vs_ccusage")
    assert [name for name in expected if ratios[name] is None] == []


def test_it_says_what_it_does_as_it_goes(measured: Measured) -> None:
    said = [line for line in measured.said.splitlines() if line.startswith("bench: 1,000 lines")]
    assert len(said) > 8


def test_runs_of_the_service_are_measured(measured: Measured) -> None:
    folder = measured.folder / "1000"
    with serve(folder / "projects", folder / "data") as warm:
        sample, again = warm.run(), warm.run()
    assert 0 < again.seconds < 60
    assert again.cpu_seconds is not None
    assert sample.peak_mib["cli serve"] > 0
    assert "extract" in sample.steps


def test_a_signal_ends_every_process_and_removes_the_folder(tmp_path: Path) -> None:
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen(
            command(tmp_path), cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=said, stdout=said
        )
    deadline = time.monotonic() + 120
    while len(below := list(Tree(process.pid).alive())) < 3:  # bench, our run, and dbt below it
        assert time.monotonic() < deadline, (tmp_path / "said").read_text()
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(120) != 0
    assert list(tmp_path.glob("claude-analytics-bench-*")) == []
    assert [pid for pid in below if Path(f"/proc/{pid}/cmdline").exists()] == []
    assert "Traceback" not in (tmp_path / "said").read_text()
