"""The appliance's scheduler: `python -m cli.appliance.scheduler_service`, which its container runs.

It adds to the scheduler's service what that package may not import: Metabase and the HTML report are updated after each
generation; the loader is the service at LOADER_URL. If nothing was ever published, it runs at once, and repeatedly
until the collector's first pass is in the figures. It also starts a run when another machine has sent lines for the
first time, without waiting for the schedule.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import structlog

from cli.appliance.env_file import env_file_problem
from cli.appliance.forgetting import ApplianceForgetting
from cli.appliance.problem_page import show_problem
from common import VERSION
from common.logs import configure_logs
from common.paths import DataPaths
from common.settings import Settings, SettingsError, load_settings
from metabase.client import Client, MetabaseError
from metabase.first_start import DatabaseSettings, connect, ensure_database, find_database
from metabase.provision import provision
from metabase.recycle import recycle, seen_generation
from report.html import write_report
from scheduler.budgets.automatic import budget_refreshes
from scheduler.collector_watch import CollectorWatch
from scheduler.dbt_project import DbtProject
from scheduler.disk_watch import DiskWatch
from scheduler.docs import dbt_docs
from scheduler.figures import figures_refresh
from scheduler.history import HistoryError
from scheduler.loader_client import HttpLoader, HttpVault
from scheduler.new_machines import NewMachines
from scheduler.pipeline_parts import PipelineParts, Refresh
from scheduler.publish import Generation, current_generation
from scheduler.runner import Runner, figures_path
from scheduler.schedule import ScheduleError
from scheduler.serve import serve
from scheduler.service import Service
from scheduler.statusline_file import statusline_refresh
from scheduler.web import create_app

log = structlog.get_logger()

Account = tuple[str, str, str]
"""Metabase's address, our user there, and its password."""

OTHERS_VOLUMES = Path("/volumes")
"""Where compose.yaml mounts the other services' volumes, read-only."""
FIRST_START_SECONDS = 300.0
"""How long the first generation waits for Metabase, which creates its own database then."""
WAIT_SECONDS = 20.0
"""How long a later one does; the next run retries a failure."""
FIRST_RUNS, BETWEEN_SECONDS, QUIET_RUNS = 30, 20.0, 2
"""The collector may need a moment, so a single run without lines does not mean that there are none."""
READY_SECONDS = 1.0
PROBLEM_SECONDS = 60.0
"""How long the page shows that the history cannot be opened, before Docker restarts this container."""


def volumes(settings: Settings) -> dict[str, Path]:
    """Return where the scheduler's container sees each volume of the appliance that grows."""
    ours = {"duckdb": settings.duckdb_dir, "scheduler": settings.data_dir}
    return {name: OTHERS_VOLUMES / name for name in ("mongo", "iceberg", "metabase-db")} | ours


def make_runner(settings: Settings) -> Runner:
    """Return the pipeline over the appliance's services, with the refreshes after a generation."""
    project = DbtProject.of(settings)
    volume = DataPaths.of(settings).duckdb
    report = Refresh("report", partial(_write_report, settings))
    figures = figures_refresh(figures_path(settings), volume)
    refresh = [statusline_refresh(volume), figures, *budget_refreshes(settings), report]
    if settings.metabase_url and settings.metabase_user and settings.metabase_password:
        account = settings.metabase_url, settings.metabase_user, settings.metabase_password.get_secret_value()
        shows = partial(_show_in_metabase, account, settings, project.target_path() / "manifest.json")
        refresh.append(Refresh("metabase", shows, partial(_is_shown_in_metabase, account)))
    vault = HttpVault.of(settings)
    backup = vault.backup if vault else None
    shown = (*refresh, dbt_docs(project))
    forgetting = ApplianceForgetting(settings, vault) if vault else None
    loader = HttpLoader.of(settings)
    parts = PipelineParts.of(settings, loader, project, refresh=shown, backup=backup, forgetting=forgetting)
    return Runner(parts, settings)


def _write_report(settings: Settings, generation: Generation) -> None:
    paths = DataPaths.of(settings)
    write_report(
        paths.duckdb.database_of(generation.number), paths.report, timezone=settings.timezone, vega_dir=paths.vega
    )


def _show_in_metabase(account: Account, settings: Settings, manifest: Path, generation: Generation) -> None:
    """Make Metabase read this generation, then set up what is missing, with this generation's columns."""
    client = connect(*account, wait_seconds=FIRST_START_SECONDS if generation.number == 1 else WAIT_SECONDS)
    volume = DataPaths.of(settings).duckdb
    # The volume is mounted at the same place in Metabase's container.
    wanted = DatabaseSettings(file=str(volume.well_known_database), timezone=settings.timezone)
    switched = recycle(client, ensure_database(client, wanted), generation.number, wait_seconds=WAIT_SECONDS)
    if switched.cut:
        log.warning("metabase_queries_cut", queries=switched.cut, generation=generation.number)
    done = provision(client, wanted, manifest=manifest if manifest.exists() else None, log=log.warning)
    if done.changed:
        log.info("metabase_provisioned", created=len(done.created), updated=len(done.updated), archived=done.retired)


def _is_shown_in_metabase(account: Account, generation: Generation) -> bool:
    """Return whether Metabase, which may have lost its own database since, still reads this generation."""
    url, *user = account
    client = Client(url)
    try:
        client.sign_in(*user)
        ours = find_database(client)
        return ours is not None and seen_generation(client, ours["id"]) == generation.number
    except MetabaseError:
        return False  # the refresh that repairs it reports the problem


def first_runs(service: Service, is_ready: Callable[[], bool] = lambda: True) -> None:
    """On a host where nothing was published yet, run until two runs in a row find nothing new.

    `is_ready` says whether the loader answers: this container starts without waiting for it.
    """
    if current_generation(service.runner.parts.volume) is not None:
        return
    while not is_ready():
        if service.runner.stop.wait(READY_SECONDS):
            return
    quiet = 0
    for _ in range(FIRST_RUNS):
        quiet = quiet + 1 if service.run_as_scheduled() == "unchanged" else 0
        if quiet == QUIET_RUNS or service.runner.stop.wait(BETWEEN_SECONDS):
            return


def main() -> int:
    """Serve until a signal; an expected failure takes one line."""
    try:
        settings = load_settings()
        configure_logs(settings)
        runner = make_runner(settings)
        loader = HttpLoader.of(settings)
        watch = CollectorWatch(loader.collectors, lambda: current_generation(runner.parts.volume))
        machines = NewMachines(watch.states, runner.history)
        at_start = partial(first_runs, is_ready=loader.is_healthy)
        service = Service(
            runner, settings, at_start=at_start, look=lambda service: machines.look(service.run_as_scheduled)
        )
        disks = DiskWatch(volumes(settings))
        runner.alerts.watches |= {
            "disks": disks.problem,
            "settings": env_file_problem,
            "collectors": watch.problem,
        }
        app = create_app(service, settings, version=VERSION, collectors=watch, disks=disks)
    except (SettingsError, ScheduleError) as error:
        print(f"scheduler: {error}", file=sys.stderr)
        return show_problem(*_problems(str(error)))
    except HistoryError as error:
        print(f"scheduler: {error}", file=sys.stderr)
        show_problem(str(error), seconds=PROBLEM_SECONDS)
        return 1
    serve(app, service, settings.scheduler_host, settings.scheduler_port)
    return 0


def _problems(error: str) -> list[str]:
    """Return the problems that prevent the start, and other problems in .env."""
    found = env_file_problem()
    return [found] if found and error in found else [error, *([found] if found else [])]


if __name__ == "__main__":
    sys.exit(main())
