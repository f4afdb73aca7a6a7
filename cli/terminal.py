"""Shared by all commands: the options, the settings, the two consoles, and the exit of an expected failure."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import duckdb
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from cli.finding import Finding
from common.errors import AnalyticsError
from common.logs import configure_logs
from common.settings import Settings, load_settings

EXIT_FAILED, EXIT_USAGE, EXIT_LOCK_HELD = 1, 2, 75

Data = Annotated[Path | None, typer.Option("--data", help="The data directory (DATA_DIR).", show_default=False)]
Transcripts = Annotated[
    Path | None,
    typer.Option("--transcripts", help="The folder that Claude Code writes to (TRANSCRIPTS_DIR).", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

console = Console()
errors = Console(stderr=True)


def settings_of(**overrides: Any) -> Settings:
    """Return the settings; options take precedence over the environment.

    A command prints its progress, so it logs only warnings unless LOG_LEVEL is set. Its files quote transcripts and are
    only for this user; the appliance's volumes have several readers.
    """
    settings = load_settings(**overrides)
    if not settings.loader_url:
        os.umask(0o077)
    asked = "log_level" in settings.model_fields_set
    configure_logs(settings if asked else settings.model_copy(update={"log_level": "WARNING"}))
    return settings


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn an expected failure into one line and its exit code; anything else is a bug and keeps its traceback."""
    try:
        yield
    except AnalyticsError as error:
        fail(str(error), error.exit_code)
    except duckdb.Error as error:  # a damaged file, or one that another version has published
        fail(f"DuckDB: {first_line(error)}; ./analytics run --full-refresh rebuilds every database")
    except typer.Exit:  # reported already; caught before the clients below are imported
        raise
    except _mongodb_errors() as error:
        fail(f"MongoDB: {first_line(error)}; check MONGO_URI, or unset it to use the built-in store")
    except _http_errors() as error:
        fail(f"Iceberg: {first_line(error)}; check ICEBERG_REST_URI, or unset it to use the built-in catalog")
    except OSError as error:
        fail(str(error))


def _mongodb_errors() -> type[Exception]:
    """Return what MongoDB's client raises: imported here, since that takes a third of the time of a command's start."""
    from pymongo.errors import PyMongoError

    return PyMongoError


def _http_errors() -> type[Exception]:
    """Return what a REST catalog's client raises; as above."""
    from requests import RequestException

    return RequestException


def fail(message: str, code: int = EXIT_FAILED) -> NoReturn:
    """Print the reason in one line, and exit."""
    errors.print(f"[red]error:[/] {escape(' '.join(message.split()))}", highlight=False, soft_wrap=True)
    raise typer.Exit(code)


def first_line(error: BaseException) -> str:
    """Return the first line of a third-party error."""
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


def show_findings(findings: list[Finding]) -> None:
    """Print a table of the findings, with the fix for each problem."""
    marks = {"ok": "[green]ok[/]", "warn": "[yellow]warn[/]", "fail": "[red]fail[/]"}
    table = Table("", "what", *[Column(name, overflow="fold") for name in ("found", "what to do")], show_edge=False)
    for finding in findings:
        fix = finding.fix if finding.status != "ok" else ""
        table.add_row(marks[finding.status], escape(finding.name), escape(finding.found), escape(fix or ""))
    console.print(table, highlight=False)
