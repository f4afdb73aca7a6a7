"""`report`: what is published as one HTML file; its charts and tables as files of their own."""

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from cli.published_summary import published
from cli.terminal import Data, console, fail, one_line_errors, settings_of
from common.paths import DataPaths


def register(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command()(report)


def report(
    data: Data = None,
    output: Annotated[Path | None, typer.Option("--output", help="The file to write.", show_default=False)] = None,
    png: Annotated[
        Path | None, typer.Option("--png", help="Also write each chart as PNG to this folder.", show_default=False)
    ] = None,
    in_browser: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Also write each card as CSV to this folder.", show_default=False)
    ] = None,
) -> None:
    """Write the published figures as one HTML file that needs no network."""
    from report.export import export_csv, export_png
    from report.html import write_report

    with one_line_errors():
        settings = settings_of(data_dir=data)
        with published(settings):
            paths = DataPaths.of(settings)
        target = output or paths.report
        sample = paths.demo_marker.exists()
        database = paths.duckdb.published_database
        write_report(database, target, timezone=settings.timezone, sample=sample, vega_dir=paths.vega)
        console.print(str(target), highlight=False, soft_wrap=True)
        if in_browser and not webbrowser.open(target.absolute().as_uri()):
            fail(f"no browser could be started; open {target} yourself")
        for folder, export in ((png, export_png), (csv, export_csv)):
            if folder is not None:
                export(database, folder, timezone=settings.timezone)
                console.print(str(folder), highlight=False, soft_wrap=True)
