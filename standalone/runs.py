"""One run of the pipeline from the command line: the lock, the servers, the signals, and what is printed."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from rich.console import Console

from lake.paths import DataPaths
from lake.settings import Settings
from scheduler.lock import PipelineLock
from scheduler.pipeline import run_pipeline
from scheduler.results import RunResult
from standalone.engine import open_engine
from standalone.published import summarise
from standalone.show import RunView, show_failures, show_summary


def run_once(settings: Settings, *, full_refresh: bool = False, console: Console, as_json: bool = False) -> RunResult:
    """Take the lock, run every step once, print what came of it.

    Raises LockHeld when another run has the lock, and the errors of the servers that could not be started or reached.
    """
    view = RunView(Console(stderr=True) if as_json else console)
    with PipelineLock(DataPaths.of(settings).duckdb.lock).hold(), stop_on_signal() as stop:
        with open_engine(settings) as engine, view:
            result = run_pipeline(engine.parts(), full_refresh=full_refresh, on_event=view, stop=stop)
    if as_json:
        console.print_json(data=as_data(settings, result))
    else:
        show_failures(console, result)
    return result


def as_data(settings: Settings, result: RunResult) -> dict[str, Any]:
    """A run for machines: its steps, what is published, and where."""
    paths = DataPaths.of(settings)
    data: dict[str, Any] = result.model_dump(mode="json", exclude={"dbt"})
    data["database"], data["report"] = str(paths.duckdb.published_database), str(paths.report)
    if result.generation:
        data["summary"] = summarise(settings).model_dump(mode="json")
    return data


def show_outcome(console: Console, settings: Settings, result: RunResult, sql_hint: str) -> None:
    """What is published after the run, and where to look."""
    if result.status == "unchanged":
        console.print("Nothing new: no row was added to any table, what is published is up to date.")
    if result.generation:
        show_summary(console, summarise(settings), settings, sql_hint)


@contextmanager
def stop_on_signal() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set: the step at work ends cleanly. A second Ctrl-C ends at once."""
    stop = threading.Event()

    def request(number: int, _: FrameType | None) -> None:
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
