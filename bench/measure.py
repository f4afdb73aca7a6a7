"""The whole measurement: for each size a history, then our chain over it in every state, then the baselines."""

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench import chain
from bench.baselines import file_baselines, mongo_baselines
from bench.errors import BenchError
from bench.figures import Absent, Sample, Size, Stage
from bench.history import History, write_history
from bench.machine import machine
from bench.plan import Plan
from bench.processes import measure
from bench.ratios import ratios_of
from common.paths import DataPaths
from common.settings import Settings


@dataclass(frozen=True)
class Report:
    """Everything that was measured."""

    machine: dict[str, Any]
    sizes: list[Size]
    ratios: dict[str, float | None]
    reasons: dict[str, str]
    """Why a ratio is None."""

    def as_data(self) -> dict[str, Any]:
        """Return the report for machines."""
        return asdict(self)


def measure_all(plan: Plan) -> Report:
    """Measure every size. Raises BenchError where our own chain fails; a baseline that fails is absent."""
    described = machine()
    sizes = [_measure_size(plan, lines) for lines in plan.sizes]
    return Report(described, sizes, *ratios_of(sizes))


def _measure_size(plan: Plan, lines: int) -> Size:
    root = plan.folder / str(lines) / "projects"
    root.mkdir(parents=True)
    plan.say(f"{lines:,} lines: writing transcripts")
    try:
        history = write_history(root, lines, seed=plan.seed, large_file=plan.large_file, growths=plan.growths)
    except OSError as error:
        found = f"expected room for {lines:,} lines in {plan.folder.parent}, found: {error.strerror or error}"
        raise BenchError(f"{found}; choose a smaller --lines, or another disk with --data") from None
    size = Size(history.lines, history.documents, plan.new_lines)
    size.stores["transcripts"] = history.bytes
    data = root.parent / "data"
    _first_imports(plan, size, history, data)
    file_baselines(size, history, data, plan)
    mongo_baselines(size, history, plan)
    _later_runs(plan, size, history, data)
    if not plan.keep:
        shutil.rmtree(root.parent)
    return size


def _first_imports(plan: Plan, size: Size, history: History, data: Path) -> None:
    """Import everything into an empty folder, in turn with an earlier release; the last folder is used further."""
    ours, theirs = list[Sample](), list[Sample]()
    earlier = _launcher(plan)
    for _ in range(plan.first_imports):
        shutil.rmtree(data, ignore_errors=True)
        plan.say(f"{size.lines:,} lines: first import")
        ours.append(chain.run(history.root, data))
        if earlier is not None:
            plan.say(f"{size.lines:,} lines: first import of {plan.against}")
            other = data.with_name("earlier")
            theirs.append(chain.run(history.root, other, launcher=earlier))
            shutil.rmtree(other)
    size.stages["first_import"] = Stage.of(ours, history.documents, history.bytes)
    absent = Absent("no earlier release was given; give one with --against DIR")
    size.stages["first_import_earlier"] = Stage.of(theirs, history.documents, history.bytes) if theirs else absent
    size.stores |= stores(data)


def _launcher(plan: Plan) -> Path | None:
    """Return the launcher of the earlier release, its packages installed."""
    if plan.against is None:
        return None
    launcher = plan.against.resolve() / "analytics"
    plan.say(f"preparing {plan.against}")
    measure("the earlier release", [launcher, "--help"], plan.folder / "earlier", chain.environment())
    return launcher


def _later_runs(plan: Plan, size: Size, history: History, data: Path) -> None:
    """Measure runs over a history that has grown a little, and over one that has not: cold, then in the service."""

    def grown(run: Callable[[], Sample]) -> Sample:
        history.grow(plan.new_lines)
        return run()

    def both(suffix: str, run: Callable[[], Sample]) -> None:
        plan.say(f"{size.lines:,} lines{suffix.replace('_', ', ')}: {plan.new_lines:,} new lines, then nothing new")
        new = [grown(run) for _ in range(plan.repeat)]
        size.stages[f"new_lines{suffix}"] = Stage.of(new, plan.new_lines)
        size.stages[f"nothing_new{suffix}"] = Stage.of([run() for _ in range(plan.repeat)])

    both("", lambda: chain.run(history.root, data))
    if "warm" in plan.skip:
        absent = Absent("left out with --skip warm")
        size.stages |= dict.fromkeys(("first_import_warm", "new_lines_warm", "nothing_new_warm"), absent)
        return
    with chain.serve(history.root, data.with_name("warm")) as warm:
        plan.say(f"{size.lines:,} lines, warm: first import")
        size.stages["first_import_warm"] = Stage.of([warm.run()], history.documents, history.bytes)
        both("_warm", warm.run)


def stores(data: Path) -> dict[str, int]:
    """Return the bytes of every store below a data directory."""
    paths = DataPaths.of(Settings(data_dir=data, duckdb_path=None))
    places = {
        "records": paths.records.parent,
        "iceberg": paths.iceberg,
        "work": paths.duckdb.work_database,
        "published": paths.duckdb.published_database,
        "report": paths.report,
    }
    return {name: _bytes(place.resolve()) for name, place in places.items()}


def _bytes(place: Path) -> int:
    if place.is_file():
        return place.stat().st_size
    return sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
