"""The scheduler of the standalone mode: one run from the command line, or the service that runs on schedule.

The service's modules are imported when it starts: a run without new lines spends most of its time on imports.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console

from cli.published_summary import summarise
from cli.show import RunView, show_failures, show_summary
from common.logs import configure_logs
from common.paths import DataPaths
from common.settings import Settings
from scheduler.lock import LockHeld, PipelineLock
from scheduler.run_result import RunResult
from scheduler.runner import Runner


@contextmanager
def open_runner(settings: Settings) -> Iterator[Runner]:
    """Yield the runner of this machine, with the servers it needs; in the appliance, over its services."""
    if settings.loader_url:
        from cli.appliance.scheduler_service import make_runner

        with closing(make_runner(settings)) as runner:
            yield runner
        return
    from standalone.engine import open_engine

    with open_engine(settings) as engine, closing(Runner(engine.parts(), settings)) as runner:
        yield runner


def run_once(settings: Settings, *, full_refresh: bool = False, console: Console, as_json: bool = False) -> RunResult:
    """Run every step once and print the result.

    Raises LockHeld if another run has the lock, and the errors of servers that could not be started or reached.
    """
    lock = PipelineLock(DataPaths.of(settings).duckdb.lock)
    if holder := lock.holder():  # before any server is started
        raise LockHeld(lock.path, holder)
    lines = Console(stderr=True) if as_json else console
    view = RunView(lines)
    with open_runner(settings) as runner, stop_on_signal(runner.stop), view:
        result = runner.pipeline("command", full_refresh=full_refresh, on_event=view)
        maintained = runner.maintain_if_overdue() if result.ok else None
    if maintained is not None:
        lines.print(f"weekly maintenance {maintained.status}: {maintained.message}", highlight=False, markup=False)
    if as_json:
        console.print_json(data=as_data(settings, result))
    else:
        show_failures(console, result)
    return result


def serve_forever(settings: Settings, console: Console) -> None:
    """Run on schedule and serve the status page until SIGTERM or Ctrl-C; the first run starts at once."""
    from common import VERSION
    from scheduler.docs import dbt_docs
    from scheduler.serve import serve
    from scheduler.service import Service
    from scheduler.web import create_app

    configure_logs(settings)
    with open_runner(settings) as runner:
        runner.parts = replace(runner.parts, refresh=(*runner.parts.refresh, dbt_docs(runner.parts.project)))
        service = Service(runner, settings, at_start=Service.run_as_scheduled)
        app = create_app(service, settings, version=VERSION)
        host = f"[{settings.scheduler_host}]" if ":" in settings.scheduler_host else settings.scheduler_host
        console.print(f"Status page  http://{host}:{settings.scheduler_port}/", highlight=False)
        serve(app, service, settings.scheduler_host, settings.scheduler_port)


def as_data(settings: Settings, result: RunResult) -> dict[str, Any]:
    """Return a run as JSON data: its steps, what is published, and where."""
    paths = DataPaths.of(settings)
    data: dict[str, Any] = result.model_dump(mode="json", exclude={"dbt"})
    data["database"], data["report"] = str(paths.duckdb.published_database), str(paths.report)
    if result.generation:
        data["summary"] = summarise(settings).model_dump(mode="json")
    return data


def show_outcome(console: Console, settings: Settings, result: RunResult, data: Path | None) -> None:
    """What is published after the run, and where to look."""
    if result.status == "unchanged":
        console.print("No new lines: no table has changed, and the published figures are up to date.")
    if result.generation:
        show_summary(console, summarise(settings), settings, data)


@contextmanager
def stop_on_signal(stop: threading.Event) -> Iterator[None]:
    """Set the event on SIGINT and SIGTERM: the current step ends cleanly. A second Ctrl-C exits at once."""

    def request(number: int, _: FrameType | None) -> None:
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
