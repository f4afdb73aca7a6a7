"""The report for people: stages, steps, memory and stores for each size, then the ratios, in 80 columns."""

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from bench.figures import Absent, Size, Spread, Stage
from bench.measure import Report

_STEPS = ("start_up", "collect", "extract", "load", "transform", "publish", "refresh")


def show(console: Console, report: Report) -> None:
    """Print everything that was measured."""
    machine = report.machine
    memory, versions = machine["memory_bytes"] / 2**30, machine["versions"]
    console.print(
        f"{machine['cores']} cores ({machine['processor']}), {memory:,.0f} GiB, {machine['kernel']}, "
        f"load {machine['load']}; "
        f"Python {machine['python']}, DuckDB {versions.get('duckdb')}, dbt {versions.get('dbt-core')}; "
        f"claude-analytics {machine['commit'] or machine['claude_analytics']}",
        highlight=False,
        soft_wrap=True,
    )
    for size in report.sizes:
        console.print(
            f"\n{size.lines:,} lines, {size.stores['transcripts'] / 1e6:,.0f} MB", style="bold", highlight=False
        )
        console.print(_stages(size), "", _steps(size), "", _memory(size), "", _stores(size), "", highlight=False)
        for name, found in (size.stages | size.baselines).items():
            if isinstance(found, Absent):
                console.print(f"not measured: {_words(name)}: {escape(found.reason)}", highlight=False, soft_wrap=True)
    console.print(_ratios(report), highlight=False)


def _table(first: str, *names: str) -> Table:
    return Table(first, *[Column(name, justify="right") for name in names], box=None)


def _stages(size: Size) -> Table:
    table = _table("", "seconds", "docs/s", "MB/s", "CPU s", "peak MiB")
    for name, stage in _measured(size):
        rates = (stage.docs_per_second, stage.mb_per_second, stage.cpu_seconds)
        peak = f"{max(stage.peak_mib.values()):,.0f}" if stage.peak_mib else "-"
        table.add_row(_words(name), str(stage.seconds), *map(_median, rates), peak)
    return table


def _steps(size: Size) -> Table:
    table = _table("seconds", *map(_words, _STEPS))
    for name, stage in _runs(size):
        table.add_row(_words(name), *[_median(stage.steps.get(step)) for step in _STEPS])
    return table


def _memory(size: Size) -> Table:
    table = Table("", Column("most memory of each process, MiB", overflow="fold"), box=None)
    for name, stage in _runs(size):
        peaks = ", ".join(f"{process} {peak:,.0f}" for process, peak in stage.peak_mib.items())
        table.add_row(_words(name), peaks or "not recorded")
    return table


def _runs(size: Size) -> list[tuple[str, Stage]]:
    """What is a run of this checkout."""
    found = [(name, stage) for name, stage in _measured(size) if "extract" in stage.steps]
    return [(name, stage) for name, stage in found if name != "first_import_earlier"]


def _measured(size: Size) -> list[tuple[str, Stage]]:
    found = size.stages | size.baselines
    return [(name, stage) for name, stage in found.items() if isinstance(stage, Stage)]


def _median(spread: Spread | None) -> str:
    return "-" if spread is None else f"{spread.median:,.{0 if spread.median >= 100 else 1}f}"


def _stores(size: Size) -> Table:
    table = _table("store", "MB", "of the transcripts")
    for name, stored in size.stores.items():
        table.add_row(_words(name), f"{stored / 1e6:,.1f}", f"{stored / size.stores['transcripts']:.0%}")
    return table


def _ratios(report: Report) -> Table:
    table = Table("ratio", Column("", justify="right"), "", box=None)
    for name, ratio in report.ratios.items():
        value = "-" if ratio is None else f"{ratio:,.3f}"
        table.add_row(name, value, escape(report.reasons.get(name, "")))
    return table


def _words(name: str) -> str:
    return name.replace("_", " ")
