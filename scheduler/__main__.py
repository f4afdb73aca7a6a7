"""The appliance's runner: `python -m scheduler` serves; with a command it does that and ends.

The loader is the service at LOADER_URL. The standalone mode wires the same parts with the loader in its own process.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from lake import VERSION
from lake.paths import DataPaths
from lake.settings import Settings, SettingsError, load_settings
from scheduler.dbt import DbtProject
from scheduler.docs import dbt_docs
from scheduler.loader_client import HttpLoader
from scheduler.lock import EXIT_CODE_LOCKED, LockHeld
from scheduler.runner import Runner
from scheduler.schedule import ScheduleError
from scheduler.serve import serve
from scheduler.service import Service, set_paused
from scheduler.steps import PipelineParts
from scheduler.web import create_app

EXIT_FAILED, EXIT_USAGE = 1, 2


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = _parser().parse_args(argv)
    try:
        settings = load_settings()
        command: Callable[[Settings, argparse.Namespace], int] = arguments.command
        return command(settings, arguments)
    except LockHeld as held:
        print(held, file=sys.stderr)
        return EXIT_CODE_LOCKED
    except (SettingsError, ScheduleError) as error:
        print(error, file=sys.stderr)
        return EXIT_USAGE


def make_runner(settings: Settings) -> Runner:
    """The appliance's runner: the loader over HTTP."""
    volume = DataPaths.of(settings).duckdb
    project = DbtProject(_project_dir(settings), volume, settings)
    parts = PipelineParts(
        volume=volume,
        loader=HttpLoader.of(settings),
        project=project,
        keep_generations=settings.keep_generations,
        refresh=(dbt_docs(project),),
        step_time_limit=settings.step_time_limit_seconds,
        database_wait=settings.database_wait_seconds,
    )
    return Runner(parts, settings)


def _serve(settings: Settings, _: argparse.Namespace) -> int:
    service = Service(make_runner(settings), settings)
    serve(create_app(service, settings, version=VERSION), service, settings.runner_host, settings.runner_port)
    return 0


def _run(settings: Settings, arguments: argparse.Namespace) -> int:
    runner = make_runner(settings)
    try:
        result = runner.pipeline("command", full_refresh=arguments.full_refresh, wait_seconds=arguments.wait)
    finally:
        runner.close()
    for step in result.steps:
        print(f"{step.name:10} {step.status:10} {step.seconds:8.1f} s  {step.message}")
    print(result.message)
    return 0 if result.ok else EXIT_FAILED


def _runs(settings: Settings, arguments: argparse.Namespace) -> int:
    for run in make_runner(settings).history.runs(arguments.limit):
        print(f"{run.id:6} {run.started_at:%Y-%m-%d %H:%M} {run.kind:11} {run.status:11} {run.message}")
    return 0


def _logs(settings: Settings, arguments: argparse.Namespace) -> int:
    history = make_runner(settings).history
    if history.run(arguments.run) is None:
        print(f"there is no run {arguments.run}; `runs` lists them", file=sys.stderr)
        return EXIT_FAILED
    for line in history.log_lines(arguments.run):
        print(f"{line.at:%H:%M:%S} {line.step:10} {line.message}")
    return 0


def _pause(settings: Settings, arguments: argparse.Namespace) -> int:
    set_paused(make_runner(settings).history, paused=arguments.paused)
    print("the schedule is paused" if arguments.paused else "the schedule works again")
    return 0


def _test_alert(settings: Settings, _: argparse.Namespace) -> int:
    results = make_runner(settings).alerts.test()
    for way, error in results.items():
        print(f"{way}: {error or 'sent'}")
    if not results:
        print("expected ALERT_WEBHOOK_URL, or ALERT_EMAIL_TO and SMTP_HOST; found neither", file=sys.stderr)
    return 0 if results and not any(results.values()) else EXIT_FAILED


def _project_dir(settings: Settings) -> Path:
    return settings.dbt_project_dir or Path(__file__).parent.parent / "dbt"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scheduler", description="The runner of claude-analytics.")
    parser.set_defaults(command=_serve)
    commands = parser.add_subparsers(title="commands")
    commands.add_parser("serve", help="work on schedule and serve the status page").set_defaults(command=_serve)
    run = commands.add_parser("run", help="run the pipeline once")
    run.add_argument("--full-refresh", action="store_true", help="rebuild everything")
    run.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="how long to wait for another run")
    run.set_defaults(command=_run)
    runs = commands.add_parser("runs", help="list the last runs")
    runs.add_argument("--limit", type=int, default=20)
    runs.set_defaults(command=_runs)
    logs = commands.add_parser("logs", help="show the log of a run")
    logs.add_argument("run", type=int)
    logs.set_defaults(command=_logs)
    commands.add_parser("pause", help="start nothing on schedule").set_defaults(command=_pause, paused=True)
    commands.add_parser("resume", help="start on schedule again").set_defaults(command=_pause, paused=False)
    commands.add_parser("test-alert", help="send a test message").set_defaults(command=_test_alert)
    return parser


if __name__ == "__main__":
    sys.exit(main())
