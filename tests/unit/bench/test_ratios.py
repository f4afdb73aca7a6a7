"""Medians, ratios and the report's shape: what each divides, and that what is missing has a reason."""

import json
from dataclasses import asdict

import pytest
from rich.console import Console

from bench.figures import Absent, Sample, Size, Spread, Stage
from bench.machine import machine
from bench.measure import Report
from bench.ratios import ONE_SIZE, RATIOS, ratios_of
from bench.table import show


def stage(seconds: float, *, cpu: float | None = 1.0, **steps: float) -> Stage:
    return Stage.of([Sample(seconds, cpu, steps, {"cli run": 100.0})], 1_000, 2_000_000)


def size(lines: int, factor: float = 1.0) -> Size:
    """A size where every stage and every baseline was measured."""
    measured = Size(lines, lines, 1_000)
    measured.stages = {
        "first_import": stage(lines / 1_000, extract=1.0),
        "first_import_earlier": stage(lines / 500),
        "new_lines": stage(10 * factor),
        "new_lines_warm": stage(4 * factor),
    }
    measured.baselines = {
        "raw_drain": stage(9.0),
        "extract": stage(10.0, cpu=6.0),
        "flatten_path": stage(8.0, cpu=4.0),
        "end_to_end": stage(25.0, published=20.0),
        "dlt_landing": stage(60.0),
        "dlt_parquet": stage(30.0),
        "daily_usage": stage(0.1),
        "ccusage": stage(4.0),
    }
    measured.stores = {"transcripts": 1_000, "published": 150}
    return measured


def test_a_spread_is_the_median_with_the_smallest_and_the_largest() -> None:
    assert Spread.of([5.0, None, 1.0, 2.0]) == Spread(2.0, 1.0, 5.0)
    assert Spread.of([1.0, 4.0]) == Spread(2.5, 1.0, 4.0)
    assert Spread.of([None]) is None
    assert [str(Spread(2.0, 1.0, 5.0)), str(Spread(2.0, 2.0, 2.0))] == ["2.00 (1.00-5.00)", "2.00"]


def test_a_stage_has_rates_steps_and_the_largest_memory_of_all_its_runs() -> None:
    samples = [
        Sample(2.0, 3.0, {"load": 1.0}, {"cli run": 50.0}),
        Sample(4.0, None, {"load": 2.0}, {"cli run": 60.0, "dbt_worker": 9.0}),
    ]
    found = Stage.of(samples, documents=8, size=4_000_000)
    assert found.docs_per_second == Spread(3.0, 2.0, 4.0)
    assert found.mb_per_second == Spread(1.5, 1.0, 2.0)
    assert found.cpu_seconds == Spread(3.0, 3.0, 3.0)
    assert found.steps == {"load": Spread(1.5, 1.0, 2.0)}
    assert found.peak_mib == {"cli run": 60.0, "dbt_worker": 9.0}


def test_every_ratio_divides_what_it_says() -> None:
    ratios, reasons = ratios_of([size(1_000_000, factor=1.2), size(50_000)])
    assert reasons == {}
    assert ratios == {
        "extract_vs_raw_drain": 0.9,
        "end_to_end_vs_dlt": 3.0,
        "end_to_end_vs_dlt_parquet": 1.5,
        "first_import_vs_earlier": 2.0,
        "first_import_1m_vs_50k": 1.0,
        "extract_cpu_vs_flatten_path": 1.5,
        "incremental_1m_vs_50k": 1.2,
        "incremental_warm_1m_vs_50k": 1.2,
        "daily_usage_vs_ccusage": 0.025,
        "published_vs_transcripts": 0.15,
    }


def test_with_one_size_what_compares_two_says_so() -> None:
    ratios, reasons = ratios_of([size(50_000)])
    between = {name for name, ratio in ratios.items() if ratio is None}
    assert between == {name for name in RATIOS if "1m" in name} == reasons.keys()
    assert set(reasons.values()) == {ONE_SIZE}


@pytest.mark.parametrize(
    ("name", "ratio"),
    [
        ("raw_drain", "extract_vs_raw_drain"),
        ("dlt_landing", "end_to_end_vs_dlt"),
        ("flatten_path", "extract_cpu_vs_flatten_path"),
        ("ccusage", "daily_usage_vs_ccusage"),
    ],
)
def test_a_baseline_that_is_missing_gives_its_reason(name: str, ratio: str) -> None:
    lacking = size(50_000)
    lacking.baselines[name] = Absent("not to be had here")
    ratios, reasons = ratios_of([lacking])
    assert ratios[ratio] is None
    assert reasons[ratio] == "not to be had here"


def test_without_cpu_times_their_ratio_says_so() -> None:
    lacking = size(50_000)
    lacking.baselines["extract"] = stage(10.0, cpu=None)
    assert ratios_of([lacking])[1]["extract_cpu_vs_flatten_path"] == "the CPU time of extract was not recorded"


def test_the_report_is_json_and_tables_with_the_same_figures() -> None:
    measured = size(50_000)
    measured.stages["new_lines_warm"] = Absent("left out with --skip warm")
    report = Report(machine(), [measured], *ratios_of([measured]))
    data = json.loads(json.dumps(report.as_data()))
    imported = stage(50.0, **dict.fromkeys(("start_up", "collect", "extract", "transform", "refresh"), 123.4))
    assert data.keys() == {"machine", "sizes", "ratios", "reasons"}
    assert data["machine"].keys() >= {"cores", "memory_bytes", "kernel", "python", "versions"}
    assert data["machine"]["versions"].keys() >= {"duckdb", "dbt-core"}
    assert data["sizes"][0]["stages"]["first_import"] == json.loads(json.dumps(asdict(stage(50.0, extract=1.0))))
    assert data["sizes"][0]["stages"]["new_lines_warm"] == {"reason": "left out with --skip warm"}
    measured.stages |= dict.fromkeys(("nothing_new", "first_import_warm", "nothing_new_warm"), imported)
    measured.baselines["end_to_end"] = imported
    console = Console(width=80)
    with console.capture() as shown:
        show(console, report)
    text = shown.get()
    assert max(map(len, text.splitlines()[1:])) <= 80
    assert "…" not in text
    assert [step for step in ("start up", "transform", "refresh") if step not in text] == []
    assert "cli run 100" in text
    assert "not measured: new lines warm: left out with --skip warm" in text
    assert "0.900" in text
