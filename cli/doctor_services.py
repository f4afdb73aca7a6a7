"""The doctor's checks of servers, ports, Docker and the published file."""

import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta

import duckdb

from cli.finding import Finding
from common import numbers
from common.catalog import open_catalog
from common.duckdb_files import open_read_only
from common.errors import AnalyticsError
from common.paths import DataPaths
from common.settings import Settings
from scheduler.alerts import read_incident
from scheduler.backup_run import last_backup
from scheduler.budgets.inputs import BudgetInputs
from scheduler.loader_client import HttpLoader
from scheduler.publish import space_needed
from scheduler.runner import history_path, open_history
from standalone.both_copies import count_copies


def record_store(settings: Settings) -> Finding:
    """Check both copies of the history, as far as they exist."""
    expected = "the record store answers and has the same lines as Iceberg"
    if settings.mongo_uri is None and not DataPaths.of(settings).records.exists():
        return Finding("Record store", "ok", f"will be created: {DataPaths.of(settings).records}", expected)
    try:
        counts = count_copies(settings)
    except AnalyticsError as error:
        folder = DataPaths.of(settings).records
        mend = f"make {folder} readable and writable, or restore it from a backup"
        fix = "start the server or correct MONGO_URI" if settings.mongo_uri else mend
        return Finding("Record store", "fail", str(error), expected, fix)
    except Exception as error:  # noqa: BLE001 - a catalog client fails in its own ways, requests' and botocore's
        fix = "see Iceberg below; ./analytics status compares again"
        return Finding("Record store", "warn", f"not compared with Iceberg: {type(error).__name__}", expected, fix)
    if not counts.agree:
        fix = "run ./analytics run, which copies the missing lines from the other store"
        return Finding("Record store", "warn", str(counts), expected, fix)
    return Finding("Record store", "ok", str(counts), expected)


def iceberg(settings: Settings) -> Finding:
    """The catalog of ICEBERG_REST_URI, or the local folder."""
    if settings.iceberg_rest_uri is None:
        folder = DataPaths.of(settings).iceberg
        return Finding("Iceberg", "ok", f"SQLite catalog in {folder}", "a local folder, or ICEBERG_REST_URI")
    expected, fix = "the catalog of ICEBERG_REST_URI answers", "start it, or correct ICEBERG_REST_URI and the S3 keys"
    try:
        spaces = open_catalog(settings).list_namespaces()
    except Exception as error:  # noqa: BLE001 - a catalog client fails in its own ways, requests' and botocore's
        return Finding("Iceberg", "fail", f"{settings.iceberg_rest_uri}: {type(error).__name__}", expected, fix)
    return Finding("Iceberg", "ok", f"{settings.iceberg_rest_uri}, {len(spaces)} namespaces", expected)


def loader(settings: Settings) -> Finding:
    """Check the loader service at LOADER_URL; only it can reach the stores."""
    expected, fix = f"{settings.loader_url} answers", "see docker compose ps and docker compose logs loader"
    if HttpLoader.of(settings).is_healthy():
        return Finding("Loader", "ok", f"{settings.loader_url} answers", expected)
    return Finding("Loader", "fail", f"no answer from {settings.loader_url}", expected, fix)


def open_problems(settings: Settings) -> list[str]:
    """Return the status page's problems, a line each; none if no scheduler has a history."""
    incident = read_incident(open_history(settings)) if history_path(settings).exists() else None
    return list(incident["problems"]) if incident else []


def last_backup_line(settings: Settings) -> str | None:
    """Return the age and size of the last backup; None if no scheduler has a history, or none was made."""
    backup = last_backup(open_history(settings)) if history_path(settings).exists() else None
    if backup is None:
        return None
    age = datetime.now(UTC) - datetime.fromisoformat(backup["at"])
    return f"Last backup: {age / timedelta(hours=1):.1f} hours ago, {numbers.size(backup['size'])}"


def attention(settings: Settings) -> Finding:
    """Report the scheduler's problems: settings, collectors, failing runs, old figures."""
    expected, problems = "nothing needs attention", open_problems(settings)
    if problems:
        return Finding(
            "Attention", "fail", " ".join(problems), expected, "follow the message; the status page updates itself"
        )
    return Finding("Attention", "ok", expected, expected)


def cost_centres(settings: Settings) -> Finding:
    """The user's file of cost centres and budgets, and the closed statements."""
    inputs, expected = BudgetInputs(settings), "a valid file, and every closed statement unchanged"
    if problem := inputs.problem():
        return Finding(
            "Cost centres", "warn", problem, expected, "follow the message; the next run updates the figures"
        )
    found = (
        str(inputs.file)
        if inputs.file.exists()
        else f"no {inputs.file}: all cost is unassigned, and there are no budgets"
    )
    return Finding("Cost centres", "ok", found, expected)


def room(settings: Settings) -> Finding:
    """Space on the DuckDB volume for the next publication, which copies the work database."""
    volume = DataPaths.of(settings).duckdb
    needed, free = space_needed(volume) / 2**20, shutil.disk_usage(volume.root).free / 2**20
    expected, found = f"{needed:,.0f} MiB for the next publication", f"{free:,.0f} MiB free in {volume.root}"
    if free >= needed:
        return Finding("Disk", "ok", found, expected)
    return Finding("Disk", "fail", found, expected, "free some space, or lower KEEP_GENERATIONS")


def port(settings: Settings) -> Finding:
    """The address of the status page."""
    host, port = settings.scheduler_host, settings.scheduler_port
    expected, address = "free, or our own status page", f"{host}:{port}"
    try:
        with socket.create_server((host, port)):
            return Finding("Port", "ok", f"{address} is free", expected)
    except OSError as error:
        if _is_our_page(address):
            return Finding("Port", "ok", f"{address} is our status page", expected)
        fix = "set SCHEDULER_PORT or pass --port; only ./analytics serve needs it"
        return Finding("Port", "warn", f"{address}: {error.strerror}", expected, fix)


def _is_our_page(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/healthz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError, ValueError):
        return False


def published(settings: Settings) -> Finding:
    """The published database."""
    file, expected = DataPaths.of(settings).duckdb.published_database, "a published database that opens read-only"
    if not file.exists():
        return Finding("Published", "warn", f"no {file} yet", expected, "run ./analytics run")
    try:
        with open_read_only(file) as database:
            row = database.execute("select count(*) from marts.dim_sessions").fetchone()
    except duckdb.Error as error:
        fix = "run ./analytics run --full-refresh; everything is rebuilt from the record store"
        return Finding("Published", "fail", f"{file}: {str(error).splitlines()[0]}", expected, fix)
    return Finding("Published", "ok", f"{numbers.counted(row[0] if row else 0, 'session')} in {file}", expected)


def docker(_: Settings) -> Finding:
    """Docker Engine and Compose, which only the appliance needs."""
    expected = "only for the appliance (./analytics up): Docker Engine with Compose"
    engine = _said(["docker", "version", "--format", "{{.Server.Version}}"])
    compose = _said(["docker", "compose", "version", "--short"])
    if engine and compose:
        return Finding("Docker", "ok", f"engine {engine}, compose {compose}", expected)
    missing = "Docker Engine does not answer" if not engine else f"engine {engine}, but no compose plugin"
    return Finding("Docker", "ok", f"{missing}; not needed here", expected)


def _said(command: list[str]) -> str:
    """Return a command's output, or an empty text if it is missing or fails."""
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""
