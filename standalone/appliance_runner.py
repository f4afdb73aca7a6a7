"""The appliance's runner: `python -m standalone.appliance_runner`, which is what the scheduler container runs.

It is the scheduler room's service with what that room must not know of: Metabase and the HTML report follow each new
generation. On a host where nothing was ever published it starts at once and goes on until the collector's first look
at the transcripts is in the figures, so that nobody has to wait for the schedule.
"""

import sys
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

import structlog

import scheduler.__main__ as plain
from lake import VERSION
from lake.paths import DataPaths
from lake.settings import Settings, SettingsError, load_settings
from metabase.client import Client, MetabaseError
from metabase.first_start import DatabaseSettings, connect, find_database
from metabase.provision import provision
from metabase.recycle import recycle, seen_generation
from metabase.report import write_report
from scheduler.publish import Generation, current_generation
from scheduler.runner import Runner
from scheduler.schedule import ScheduleError
from scheduler.serve import serve
from scheduler.service import RunnerBusyError, Service
from scheduler.steps import Refresh
from scheduler.web import create_app

log = structlog.get_logger()

Account = tuple[str, str, str]
"""Metabase's address, our user there, and its password."""

FIRST_START_SECONDS = 300.0
"""How long the first generation waits for Metabase, which makes its own database then."""
WAIT_SECONDS = 20.0
"""How long a later one does; what fails is tried again by the next run."""
FIRST_RUNS, BETWEEN_SECONDS = 30, 20.0


def make_runner(settings: Settings) -> Runner:
    """The scheduler room's runner, and what follows a generation."""
    runner = plain.make_runner(settings)
    added = [Refresh("report", lambda _: _write_report(settings))]
    if settings.metabase_url and settings.metabase_user and settings.metabase_password:
        account = settings.metabase_url, settings.metabase_user, settings.metabase_password.get_secret_value()
        manifest = runner.parts.project.target_path() / "manifest.json"
        shows = partial(_show_in_metabase, account, settings, manifest)
        added.append(Refresh("metabase", shows, partial(_is_shown_in_metabase, account)))
    runner.parts = replace(runner.parts, refresh=(*added, *runner.parts.refresh))
    return runner


def _write_report(settings: Settings) -> None:
    paths = DataPaths.of(settings)
    write_report(paths.duckdb.published_database, paths.report, timezone=settings.timezone)


def _show_in_metabase(account: Account, settings: Settings, manifest: Path, generation: Generation) -> None:
    """Set up what is missing there, then make it read this generation."""
    client = connect(*account, wait_seconds=FIRST_START_SECONDS if generation.number == 1 else WAIT_SECONDS)
    volume = DataPaths.of(settings).duckdb
    # The volume is mounted at the same place in Metabase's container.
    wanted = DatabaseSettings(file=str(volume.well_known_database), timezone=settings.timezone)
    done = provision(client, wanted, manifest=manifest if manifest.exists() else None)
    recycle(client, done.database, generation.number, published=volume.published_database, wait_seconds=WAIT_SECONDS)


def _is_shown_in_metabase(account: Account, generation: Generation) -> bool:
    """Whether Metabase, which may have lost its own database since, still reads this generation."""
    url, *user = account
    client = Client(url)
    try:
        client.sign_in(*user)
        ours = find_database(client)
        return ours is not None and seen_generation(client, ours["id"]) == generation.number
    except MetabaseError:
        return False  # what is wrong with it is said by who tries to mend it


def first_runs(service: Service) -> None:
    """Run until a run finds nothing new, on a host where nothing was published yet and the schedule is on."""
    runner = service.runner
    if service.settings.schedule == "off" or current_generation(runner.parts.volume) is not None:
        return
    for _ in range(FIRST_RUNS):
        if runner.stop.wait(BETWEEN_SECONDS) or _run_once(service) == "unchanged":
            return


def _run_once(service: Service) -> str:
    try:
        number = service.run_now(trigger="schedule")
    except RunnerBusyError:
        return "busy"
    while not service.runner.stop.wait(1.0):
        run = service.history.run(number)
        if run is not None and run.status != "running":
            return run.status
    return "stopped"


def main() -> int:
    """Serve until a signal; an expected failure takes one line."""
    try:
        settings = load_settings()
        service = Service(make_runner(settings), settings)
        app = create_app(service, settings, version=VERSION)
    except (SettingsError, ScheduleError) as error:
        print(f"runner: {error}", file=sys.stderr)
        return 2
    threading.Thread(target=first_runs, args=[service], name="first-runs", daemon=True).start()
    serve(app, service, settings.runner_host, settings.runner_port)
    return 0


if __name__ == "__main__":
    sys.exit(main())
