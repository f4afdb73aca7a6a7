"""The command line: `./analytics COMMAND`, and in the appliance `docker compose exec scheduler analytics COMMAND`.

Exit codes: 0 done, 1 failed, 2 wrong usage, 75 another run holds the lock. An expected failure takes one line.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import asdict
from datetime import datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from cli import (
    bench_command,
    forget_command,
    machine_commands,
    report_command,
    restatement,
    scheduler_commands,
    sql,
    vault_commands,
)
from cli.appliance import commands as appliance
from cli.published_summary import summarise
from cli.quick import register as quick
from cli.terminal import (
    EXIT_USAGE,
    AsJson,
    Data,
    Transcripts,
    console,
    fail,
    one_line_errors,
    settings_of,
    show_findings,
)
from common import VERSION
from common.paths import DataPaths
from common.settings import Settings

if TYPE_CHECKING:
    from standalone.both_copies import CopyCounts

app = typer.Typer(
    name="analytics",
    help="Keep your Claude Code history permanently, and turn it into figures you can trust.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ROOT = Path(__file__).resolve().parent.parent
_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def _show_version(wanted: bool) -> None:
    if wanted:
        console.print(f"claude-analytics {VERSION}", highlight=False)
        raise typer.Exit


@app.callback()
def _analytics(
    _: Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True, help="The version.")] = False,
) -> None:
    pass


@app.command()
def demo(data: Data = None, as_json: AsJson = False) -> None:
    """Run the whole pipeline on a generated sample; shows figures within two minutes."""
    from cli.run import run_once, show_outcome
    from sample.transcripts import write_sample
    from scheduler.lock import PipelineLock
    from standalone.inputs import check_data_dir

    with one_line_errors():
        base = settings_of(data_dir=data)
        check_data_dir(base)
        folder = (data or base.data_dir / "demo").expanduser().absolute()
        local = {"data_dir": folder, "transcripts_dir": (folder / "transcripts",)}
        unset = dict.fromkeys(("duckdb_path", "scheduler_dir", "mongo_uri", "iceberg_rest_uri", "loader_url"))
        settings = base.model_copy(update={**local, **unset})
        marker = _demo_marker(folder, DataPaths.of(settings).demo_marker)
        with PipelineLock(marker).hold("demo"):  # a second demo would delete the files of this one
            _empty_demo(folder, marker)
            stats = write_sample(folder / "transcripts", until=datetime.now().astimezone().date())
            if not as_json:
                summary = f"A generated sample: {stats.lines:,} lines in {stats.files} transcripts"
                console.print(summary, highlight=False)
            result = run_once(settings, console=console, as_json=as_json)
        if not as_json:
            show_outcome(console, settings, result, folder)
    raise typer.Exit(0 if result.ok else 1)


def _demo_marker(folder: Path, marker: Path) -> Path:
    """Return the file that marks a folder as a demo's; fail for a folder with other content."""
    if not marker.exists() and folder.exists() and any(folder.iterdir()):
        fail(f"--data: expected an empty folder or a demo, found {folder}; pass another folder", EXIT_USAGE)
    return marker


def _empty_demo(folder: Path, marker: Path) -> None:
    """Remove what the last demo left, so that this one starts from nothing."""
    for path in folder.glob("*"):
        if path == marker:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


@app.command()
def run(
    transcripts: Transcripts = None,
    data: Data = None,
    full_refresh: Annotated[bool, typer.Option("--full-refresh", help="Rebuild from the record store.")] = False,
    now: Annotated[bool, typer.Option("--now", help="Start the run in the running service, not here.")] = False,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="DATE", help="Build the figures as of this date, in a separate folder."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Collect, model, test and publish your transcripts, once."""
    from standalone.inputs import check_data_dir, check_transcripts

    with one_line_errors():
        settings = settings_of(transcripts_dir=transcripts, data_dir=data)
        if as_of:
            from cli.as_of import run_as_of

            raise typer.Exit(0 if run_as_of(settings, as_of, console=console, as_json=as_json).ok else 1)
        if not settings.loader_url and not now:
            check_data_dir(settings)
            check_transcripts(settings)

        from cli.run import run_once, show_outcome

        if now:
            scheduler_commands.ask_service(settings, full_refresh=full_refresh)
            return
        result = run_once(settings, full_refresh=full_refresh, console=console, as_json=as_json)
        if not as_json:
            show_outcome(console, settings, result, data)
    raise typer.Exit(0 if result.ok else 1)


@app.command()
def status(data: Data = None, as_json: AsJson = False) -> None:
    """Show what is published and when, whether a run is active, and what needs attention."""
    from cli.doctor import excluded_transcripts
    from cli.doctor_services import last_backup_line, open_problems
    from cli.show import show_summary
    from scheduler.lock import PipelineLock
    from scheduler.publish import current_generation

    with one_line_errors():
        settings = settings_of(data_dir=data)
        volume = DataPaths.of(settings).duckdb
        holder, generation = PipelineLock(volume.lock).holder(), current_generation(volume)
        summary = summarise(settings) if volume.published_database.exists() else None
        copies, problems = _copies(settings), open_problems(settings)
        if as_json:
            shown = {"generation": generation, "summary": summary}
            facts = {name: part.model_dump(mode="json") if part else None for name, part in shown.items()}
            counts = asdict(copies) if copies else None
            console.print_json(
                data={**facts, "running": str(holder) if holder else None, "copies": counts, "problems": problems}
            )
            return
        if generation:
            when = generation.created_at.astimezone().strftime("%Y-%m-%d %H:%M %Z")
            console.print(f"Generation {generation.number}, published {when}", highlight=False)
        console.print(f"Running: {escape(str(holder)) if holder else 'nothing'}", highlight=False, soft_wrap=True)
        if backup := last_backup_line(settings):
            console.print(backup, highlight=False, soft_wrap=True)
        if excluded := excluded_transcripts(settings):
            console.print(f"Excluded: {excluded} transcripts of projects in PROJECTS_EXCLUDED", highlight=False)
        for problem in problems:
            console.print(f"[red]Needs attention:[/] {escape(problem)}", highlight=False, soft_wrap=True)
        if copies:
            console.print(f"Copies: {copies}", highlight=False, soft_wrap=True)
        if summary:
            show_summary(console, summary, settings, data)
        else:
            nothing = f"Nothing is published in {volume.root} yet: start with ./analytics run"
            console.print(nothing, highlight=False, soft_wrap=True)


def _copies(settings: Settings) -> "CopyCounts | None":
    """Count the lines of both copies, if this process can read them."""
    from standalone.both_copies import count_copies

    kept_here = settings.mongo_uri or DataPaths.of(settings).records.exists()
    return count_copies(settings) if kept_here and not settings.loader_url else None


@app.command()
def verify(data: Data = None, transcripts: Transcripts = None) -> None:
    """Recount the transcripts with independent code, and compare with the published figures, day by day."""
    from cli.show import show_verification
    from verify.compare import verify as count_again

    with one_line_errors():
        settings = settings_of(data_dir=data, transcripts_dir=transcripts)
        path = DataPaths.of(settings).duckdb.published_database
        zone, prices = _built_timezone(settings), settings.model_prices_csv
        answer = count_again(path, settings.transcripts_dir, zone, prices, left_out=partial(_left_out, settings))
        show_verification(console, answer)
    raise typer.Exit(0 if answer.agrees else 1)


def _left_out(settings: Settings, files: dict[str, Path]) -> set[str]:
    """Return the transcripts that are not collected: excluded by PROJECTS_EXCLUDED, or forgotten as a whole."""
    from common.excluded import is_excluded
    from standalone.forgetting import forgotten_files

    excluded = {name for name in files if is_excluded(name, settings.projects_excluded)}
    return excluded | forgotten_files(settings, {name: path.stat() for name, path in files.items()})


def _built_timezone(settings: Settings) -> str:
    """Return the timezone of the published days, which may differ from the current TIMEZONE."""
    from scheduler.publish import current_generation

    generation = current_generation(DataPaths.of(settings).duckdb)
    variables = generation.facts.get("dbt_vars", {}) if generation else {}
    return str(variables.get("timezone", settings.timezone))


@app.command()
def doctor(data: Data = None, transcripts: Transcripts = None) -> None:
    """Check this machine's setup; for each problem, say how to fix it."""
    from cli.doctor import diagnose, healthy

    with one_line_errors():
        findings = diagnose(settings_of(data_dir=data, transcripts_dir=transcripts))
    show_findings(findings)
    raise typer.Exit(0 if healthy(findings) else 1)


@app.command()
def prices() -> None:
    """Regenerate the price list seed from genai-prices, and show which lines were added and removed."""
    from cli.prices import update_prices

    with one_line_errors():
        update = update_prices()
    for sign, lines in (("-", update.removed), ("+", update.added)):
        for line in lines:
            console.print(f"{sign} {line}", markup=False, highlight=False, soft_wrap=True)
    state = "changed; review it with git diff" if update.changed else "unchanged"
    found = f"{update.rows} prices from genai-prices {version('genai-prices')}, {state}: {update.path}"
    console.print(found, highlight=False, soft_wrap=True)


@app.command(context_settings=_PASS_ON)
def dbt(context: typer.Context) -> None:
    """Run any dbt command against the work database, under the pipeline lock: `./analytics dbt --data DIR build`."""
    from cli.dbt_command import run_dbt, take_data

    with one_line_errors():
        data, args = take_data(context.args)
        code = run_dbt(settings_of(data_dir=data), args)
    raise typer.Exit(code)


@app.command(context_settings=_PASS_ON)
def test(context: typer.Context) -> None:
    """Run the tests; those that this machine cannot run are skipped with a reason. Takes pytest's arguments."""
    command = [sys.executable, "-m", "pytest", *context.args]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False)
    raise typer.Exit(done.returncode)


quick.register(app)
report_command.register(app)
sql.register(app)
bench_command.register(app)
scheduler_commands.register(app)
restatement.register(app)
vault_commands.register(app)
machine_commands.register(app)
forget_command.register(app)
appliance.register(app)


def main() -> None:
    """Run the command line."""
    app(prog_name="analytics")
