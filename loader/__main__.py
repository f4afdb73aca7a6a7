"""`python -m loader`: serves the loader over HTTP (loader/http_service.py) with the configured stores."""

import argparse
import sys
from datetime import timedelta

import uvicorn
from pydantic import SecretStr

import loader
from common.catalog import open_catalog
from common.masking import Masker
from common.paths import DataPaths
from common.programs import run_program
from common.settings import Settings, SettingsError
from loader.collectors import collector_states
from loader.http_server import Server
from loader.http_service import Steps, Work, create_app
from loader.table_maintenance import maintain
from records import open_store

PORT = 8322


def steps_of(settings: Settings) -> Steps:
    """Return the steps over the configured stores; each reopens the catalog, whose token is short-lived."""
    _required(settings.mongo_uri, "MONGO_URI")
    store = open_store(settings, "claude-analytics-loader")
    work_database = DataPaths.of(settings).duckdb.work_database
    masker = Masker.of(settings)
    return Steps(
        extract=lambda full, progress: loader.extract(
            store, open_catalog(settings), masker=masker, full_refresh=full, progress=progress
        ),
        load=lambda full, progress: loader.load(
            open_catalog(settings), work_database, settings=settings, full_refresh=full, progress=progress
        ),
        maintain=lambda progress: maintain(
            open_catalog(settings), snapshot_age=timedelta(days=settings.snapshot_retention_days), progress=progress
        ),
        collectors=lambda: collector_states(store.all_states()),
        folder=work_database.parent,
    )


def _required(secret: SecretStr | None, name: str) -> str:
    if secret is None:
        raise SettingsError(f"{name}: the loader service needs it; set it, or {name}_FILE to a file that holds it")
    return secret.get_secret_value()


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    work = Work()
    token = SecretStr(_required(settings.loader_token, "LOADER_TOKEN"))
    app = create_app(steps_of(settings), token, work)
    Server(uvicorn.Config(app, host=host, port=port, log_config=None, access_log=False), work).run()


def main() -> int:
    """Read arguments and settings; an expected failure takes one line."""
    parser = argparse.ArgumentParser(prog="loader", description="Serve the loader over HTTP.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=PORT)
    options = parser.parse_args()
    return run_program("loader", lambda settings: serve(settings, options.host, options.port))


if __name__ == "__main__":
    sys.exit(main())
