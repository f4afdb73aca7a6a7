"""The command line: `./analytics COMMAND`, and in the appliance `docker compose exec scheduler analytics COMMAND`.

Exit codes: 0 done, 1 failed, 2 wrong usage, 75 another run holds the lock. An expected failure takes one line.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import duckdb
import typer
from pymongo.errors import PyMongoError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lake.paths import DataPaths
from lake.settings import SettingsError, load_settings
from standalone.published import NothingPublishedError, published, summarise

app = typer.Typer(
    name="analytics",
    help="Your Claude Code history, kept for good and turned into figures you can trust.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

LOCK_HELD = 75
ROOT = Path(__file__).resolve().parent.parent

Data = Annotated[Path | None, typer.Option("--data", help="Where everything is kept (DATA_DIR).", show_default=False)]
Transcripts = Annotated[
    Path | None,
    typer.Option("--transcripts", help="The folder Claude Code writes to (TRANSCRIPTS_DIR).", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}

console = Console()
errors = Console(stderr=True)


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """An expected failure becomes one line and its exit code; anything else is a bug and keeps its traceback."""
    from collector import CollectorError
    from scheduler.dbt import DbtProcessError
    from scheduler.lock import LockHeld
    from scheduler.publish import PublishError
    from scheduler.work_database import DatabaseHeldError
    from standalone.mongo_server import MongoServerError

    try:
        yield
    except LockHeld as error:
        _fail(str(error), LOCK_HELD)
    except SettingsError as error:
        _fail(str(error), 2)
    except PyMongoError as error:
        _fail(f"MongoDB: {_first_line(error)}; check MONGO_URI, or unset it to use the built-in server")
    except (
        CollectorError, DatabaseHeldError, DbtProcessError, MongoServerError, NothingPublishedError, PublishError,
        PermissionError,
    ) as error:  # fmt: skip
        _fail(str(error))


def _fail(message: str, code: int = 1) -> None:
    errors.print(f"[red]error:[/] {escape(message)}", highlight=False, soft_wrap=True)
    raise typer.Exit(code)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


@app.command()
def demo(data: Data = None, as_json: AsJson = False) -> None:
    """The whole pipeline on a generated sample, from nothing; shows figures within two minutes."""
    from standalone.runs import run_once, show_outcome
    from standalone.sample import write_sample

    with _one_line_errors():
        base = load_settings(data_dir=data)
        folder = (data or base.data_dir / "demo").absolute()
        _empty_demo(folder)
        stats = write_sample(folder / "transcripts", until=datetime.now().astimezone().date())
        local = {"data_dir": folder, "transcripts_dir": folder / "transcripts", "duckdb_path": None}
        settings = base.model_copy(update={**local, "mongo_uri": None, "iceberg_rest_uri": None})
        if not as_json:
            console.print(f"A generated sample: {stats.lines:,} lines in {stats.files} transcripts", highlight=False)
        result = run_once(settings, console=console, as_json=as_json)
        if not as_json:
            show_outcome(console, settings, result, _sql_hint(folder))
    raise typer.Exit(0 if result.ok else 1)


def _empty_demo(folder: Path) -> None:
    """The demo starts from nothing, and deletes only what a demo made."""
    marker = folder / "demo"
    if folder.exists() and any(folder.iterdir()):
        if not marker.exists():
            _fail(f"{folder} holds something that is no demo; give --data another folder", 2)
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    marker.touch()


def _sql_hint(folder: Path | None) -> str:
    option = f" --data {folder}" if folder else ""
    return f'./analytics sql{option} "SELECT * FROM marts.agg_daily_summary ORDER BY date_key DESC LIMIT 7"'


@app.command()
def run(
    transcripts: Transcripts = None,
    data: Data = None,
    full_refresh: Annotated[bool, typer.Option("--full-refresh", help="Build every store anew from MongoDB.")] = False,
    as_json: AsJson = False,
) -> None:
    """Collect, model, test and publish your transcripts, once."""
    from standalone.runs import run_once, show_outcome

    with _one_line_errors():
        settings = load_settings(transcripts_dir=transcripts, data_dir=data)
        result = run_once(settings, full_refresh=full_refresh, console=console, as_json=as_json)
        if not as_json:
            show_outcome(console, settings, result, _sql_hint(data))
    raise typer.Exit(0 if result.ok else 1)


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="Any DuckDB SELECT.")],
    data: Data = None,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """Ask the published database, read-only."""
    with _one_line_errors(), published(load_settings(data_dir=data)) as connection:
        try:
            result = connection.sql(query)
        except duckdb.Error as error:
            _fail(_first_line(error))
        if result is None:
            return
        rows = result.fetchall()
        if as_json:
            console.print_json(data=[dict(zip(result.columns, row, strict=True)) for row in rows], default=str)
        elif as_csv:
            _print_csv(result.columns, rows)
        else:
            _print_table(result.columns, rows)


def _print_csv(columns: list[str], rows: list[tuple[Any, ...]]) -> None:
    import csv

    writer = csv.writer(sys.stdout)
    writer.writerow(columns)
    writer.writerows(rows)


def _print_table(columns: list[str], rows: list[tuple[Any, ...]]) -> None:
    table = Table()
    for position, name in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[position], int | float | None) for row in rows)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*["" if value is None else escape(str(value)) for value in row])
    console.print(table, highlight=False)
    console.print(f"{len(rows):,} rows", highlight=False)


@app.command()
def report(
    data: Data = None,
    output: Annotated[Path | None, typer.Option("--output", help="Where to write it.", show_default=False)] = None,
) -> None:
    """Write the HTML report of what is published: one file that needs no network."""
    from metabase.report import write_report

    with _one_line_errors():
        settings = load_settings(data_dir=data)
        with published(settings):
            paths = DataPaths.of(settings)
        target = output or paths.report
        write_report(paths.duckdb.published_database, target, timezone=settings.timezone)
        console.print(target, highlight=False, soft_wrap=True)


@app.command()
def status(data: Data = None, as_json: AsJson = False) -> None:
    """What is published, since when, and whether a run is at work."""
    from scheduler.lock import PipelineLock
    from scheduler.publish import current_generation
    from standalone.show import show_summary

    with _one_line_errors():
        settings = load_settings(data_dir=data)
        volume = DataPaths.of(settings).duckdb
        holder, generation = PipelineLock(volume.lock).holder(), current_generation(volume)
        summary = summarise(settings)
        if as_json:
            shown = {"generation": generation, "summary": summary}
            facts = {name: each.model_dump(mode="json") if each else None for name, each in shown.items()}
            console.print_json(data={**facts, "running": str(holder) if holder else None})
            return
        if generation:
            when = generation.created_at.astimezone().strftime("%Y-%m-%d %H:%M %Z")
            console.print(f"Generation {generation.number}, published {when}", highlight=False)
        console.print(f"Running: {holder or 'nothing'}", highlight=False, soft_wrap=True)
        show_summary(console, summary, settings, _sql_hint(data))


@app.command()
def doctor(data: Data = None, transcripts: Transcripts = None) -> None:
    """What this machine has, what it lacks, and how to get it."""
    from standalone.doctor import diagnose, healthy

    with _one_line_errors():
        findings = diagnose(load_settings(data_dir=data, transcripts_dir=transcripts))
    marks = {"ok": "[green]ok[/]", "warn": "[yellow]warn[/]", "fail": "[red]fail[/]"}
    table = Table("", "what", "found", "what to do", show_edge=False)
    for finding in findings:
        table.add_row(marks[finding.status], finding.name, finding.found, finding.fix if finding.status != "ok" else "")
    console.print(table, highlight=False)
    raise typer.Exit(0 if healthy(findings) else 1)


@app.command(context_settings=_PASS_ON)
def dbt(context: typer.Context) -> None:
    """Any dbt command against the work database, under the pipeline lock: `./analytics dbt build`."""
    from standalone.dbt_command import run_dbt

    with _one_line_errors():
        code = run_dbt(load_settings(), context.args)
    raise typer.Exit(code)


@app.command(context_settings=_PASS_ON)
def test(context: typer.Context) -> None:
    """Everything this machine can test; what it cannot is skipped with its reason. Takes pytest's arguments."""
    command = [sys.executable, "-m", "pytest", *context.args]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False)
    raise typer.Exit(done.returncode)


def main() -> None:
    """Run the command line."""
    app()
