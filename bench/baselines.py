"""The baselines for our chain, on the same history in the same run. An unavailable baseline has a reason."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from bench.chain import environment, python, run
from bench.errors import BenchError
from bench.figures import Absent, Sample, Size, Stage
from bench.history import History
from bench.mongo_server import Server, mongo_server
from bench.plan import Plan
from bench.processes import measure

CCUSAGE = "ccusage@20.0.24"
"""The version that docs/counting.md compares our figures with, too."""
MONGO_STAGES = ("raw_drain", "flatten_path", "extract", "end_to_end", "dlt_landing", "dlt_parquet")


def file_baselines(size: Size, history: History, data: Path, plan: Plan) -> None:
    """Measure what reads the transcripts themselves, and the same question to the published file."""
    folder = plan.folder / "baselines"
    places = {"TRANSCRIPTS_DIR": str(history.root), "DATA_DIR": str(data)}
    for name in ("duckdb_floor", "daily_usage"):
        plan.say(f"{size.lines:,} lines: {name.replace('_', ' ')}")
        samples = [work(name, folder / name, places) for _ in range(plan.repeat)]
        read = (history.documents, history.bytes) if name == "duckdb_floor" else ()
        size.baselines[name] = Stage.of(samples, *read)
    size.baselines["ccusage"] = _or_absent(plan, "ccusage", lambda: _ccusage(history, folder / "ccusage", plan))


def work(name: str, folder: Path, settings: Mapping[str, str]) -> Sample:
    """Do one piece of bench/work.py in its own process, whose memory includes what all of our rooms import."""
    ours = environment(**settings, DLT_DATA_DIR=str(folder / "dlt"), RUNTIME__DLTHUB_TELEMETRY="false")
    what = name.replace("_", " ")
    done = measure(what, python("bench.work", name), folder, ours)
    said = done.answer(what)
    return Sample(said["seconds"], said["cpu_seconds"], peak_mib=done.peak_mib)


def _or_absent(plan: Plan, name: str, measure: Callable[[], Stage]) -> Stage | Absent:
    if name in plan.skip:
        return Absent(f"left out with --skip {name}")
    try:
        return measure()
    except BenchError as error:
        plan.say(str(error))
        return Absent(str(error))


def _ccusage(history: History, folder: Path, plan: Plan) -> Stage:
    """Measure ccusage as a program, its start included: that is how it is used."""
    plan.say(f"{history.lines:,} lines: ccusage")
    home = environment() | {"CLAUDE_CONFIG_DIR": str(history.root.parent)}
    program = _ccusage_program(folder)
    command = [program, "daily", "--json", "--offline", "--timezone", "UTC"]
    samples = []
    for _ in range(plan.repeat):
        done = measure("ccusage", command, folder / "run", home)
        if not done.answer("ccusage").get("daily"):
            raise BenchError("ccusage: expected days with usage, found none")
        samples.append(Sample(done.seconds, done.cpu_seconds, {}, done.peak_mib))
    return Stage.of(samples, history.documents, history.bytes)


def _ccusage_program(folder: Path) -> str | Path:
    if program := shutil.which("ccusage"):
        return program
    npm = shutil.which("npm")
    if npm is None:
        raise BenchError("ccusage: neither ccusage nor npm is on PATH; install Node.js to measure it, too")
    installed = folder / "node_modules" / ".bin" / "ccusage"
    if not installed.exists():
        options = ("--no-audit", "--no-fund", "--no-save", "--loglevel=error", "--cache", folder / "cache")
        measure("npm install ccusage", [npm, "install", "--prefix", folder, *options, CCUSAGE], folder, environment())
    return installed


def mongo_baselines(size: Size, history: History, plan: Plan) -> None:
    """Fill a MongoDB with the history, then measure what reads it: ours and the others in turn."""
    if "mongodb" in plan.skip:
        _absent(size, "left out with --skip mongodb")
        return
    try:
        with mongo_server(plan.folder / "mongodb" / str(size.lines), plan.mongo_uri) as server:
            for name, stage in _mongo_stages(size, history, server, plan):
                size.baselines[name] = stage
    except BenchError as error:
        plan.say(str(error))
        _absent(size, str(error))
    finally:
        shutil.rmtree(plan.folder / "mongodb", ignore_errors=True)


def _absent(size: Size, reason: str) -> None:
    for name in MONGO_STAGES:
        size.baselines.setdefault(name, Absent(reason))


def _mongo_stages(size: Size, history: History, server: Server, plan: Plan) -> Iterator[tuple[str, Stage | Absent]]:
    folder = plan.folder / "mongodb" / "work"
    settings = server.settings | {"TRANSCRIPTS_DIR": str(history.root)}

    def once(name: str) -> Sample:
        plan.say(f"{size.lines:,} lines in {server.name}: {name.replace('_', ' ')}")
        shutil.rmtree(folder, ignore_errors=True)
        return work(name, folder, settings | {"DATA_DIR": str(folder / "data")})

    yield "collect_into_mongodb", Stage.of([once("collect")], history.documents, history.bytes)
    size.stores["mongodb"] = server.stored_bytes()
    reading = ("raw_drain", "flatten_path", "extract")
    rounds = [{name: once(name) for name in reading} for _ in range(plan.repeat)]
    for name in reading:
        yield name, Stage.of([seconds[name] for seconds in rounds], history.documents, history.bytes)
    plan.say(f"{size.lines:,} lines in {server.name}: to a published database")
    shutil.rmtree(folder, ignore_errors=True)
    sample = run(history.root, folder / "data", settings=server.settings | {"COLLECTOR": "off"})
    yield "end_to_end", Stage.of([sample], history.documents, history.bytes)
    for name in ("dlt_landing", "dlt_parquet"):
        yield name, _or_absent(plan, "dlt", partial(_dlt, once, name, history))


def _dlt(once: Callable[[str], Sample], name: str, history: History) -> Stage:
    if find_spec("dlt") is None:
        raise BenchError("dlt is not installed (./analytics bench installs it)")
    return Stage.of([once(name)], history.documents, history.bytes)
