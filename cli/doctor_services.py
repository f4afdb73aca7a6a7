"""The doctor's checks of what answers on a socket or runs as a program: servers, ports, Docker, the published file."""

import socket
import subprocess
import sys
import urllib.error
import urllib.request
from importlib import metadata
from pathlib import Path

import duckdb
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from cli.finding import Finding
from common.catalog import open_catalog
from common.paths import DataPaths
from common.settings import Settings
from scheduler.loader_client import HttpLoader


def mongodb(settings: Settings) -> Finding:
    """The server of MONGO_URI, or the program of ours that stands in for one."""
    return _own_mongodb() if settings.mongo_uri is None else _given_mongodb(settings)


def _own_mongodb() -> Finding:
    expected, fix = "secantusd-py starts (or MONGO_URI is set)", "delete .venv and run again, or set MONGO_URI"
    program = Path(sys.prefix) / "bin" / "secantusd-py"
    try:
        answer = subprocess.run([program, "--help"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("MongoDB", "fail", f"{program}: {error}", expected, fix)
    if answer.returncode:
        last = (answer.stderr.strip().splitlines() or ["no message"])[-1]
        return Finding("MongoDB", "fail", f"{program} ends with {answer.returncode}: {last}", expected, fix)
    return Finding("MongoDB", "ok", f"secantusdb {metadata.version('secantusdb')}, started when needed", expected)


def _given_mongodb(settings: Settings) -> Finding:
    assert settings.mongo_uri is not None
    expected, fix = "the server of MONGO_URI answers", "start it, or correct MONGO_URI; its password is not shown here"
    try:
        with MongoClient[dict[str, object]](
            settings.mongo_uri.get_secret_value(), serverSelectionTimeoutMS=3000
        ) as client:
            version = client.server_info()["version"]
    except (PyMongoError, ValueError) as error:
        return Finding("MongoDB", "fail", f"{type(error).__name__}", expected, fix)
    return Finding("MongoDB", "ok", f"version {version}", expected)


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
    """The loader service of LOADER_URL, which alone reaches the stores."""
    expected, fix = f"{settings.loader_url} answers", "look at docker compose ps, and docker compose logs loader"
    if HttpLoader.of(settings).is_healthy():
        return Finding("Loader", "ok", f"{settings.loader_url} answers", expected)
    return Finding("Loader", "fail", f"no answer from {settings.loader_url}", expected, fix)


def port(settings: Settings) -> Finding:
    """The address of the status page."""
    host, port = settings.runner_host, settings.runner_port
    expected, address = "free, or our own status page", f"{host}:{port}"
    try:
        with socket.create_server((host, port)):
            return Finding("Port", "ok", f"{address} is free", expected)
    except OSError as error:
        if _is_our_page(address):
            return Finding("Port", "ok", f"{address} is our status page", expected)
        fix = "set RUNNER_PORT or pass --port; only ./analytics serve needs it"
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
        with duckdb.connect(str(file), read_only=True) as database:
            row = database.execute("select count(*) from marts.dim_sessions").fetchone()
    except duckdb.Error as error:
        fix = "run ./analytics run --full-refresh; everything is rebuilt from MongoDB"
        return Finding("Published", "fail", f"{file}: {str(error).splitlines()[0]}", expected, fix)
    return Finding("Published", "ok", f"{row[0] if row else 0} sessions in {file}", expected)


def docker(_: Settings) -> Finding:
    """Docker Engine and Compose, which only the appliance needs."""
    expected = "only for the appliance (./analytics up): Docker Engine with Compose"
    engine = _said(["docker", "version", "--format", "{{.Server.Version}}"])
    compose = _said(["docker", "compose", "version", "--short"])
    if engine and compose:
        return Finding("Docker", "ok", f"engine {engine}, compose {compose}", expected)
    missing = "no engine answers" if not engine else f"engine {engine}, but no compose plugin"
    return Finding("Docker", "ok", f"{missing}; not needed here", expected)


def _said(command: list[str]) -> str:
    """What a command printed, or nothing where it is missing or fails."""
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""
