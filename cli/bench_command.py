"""`bench`: what the chain costs on this machine, on generated transcripts, beside programs that do a part of it."""

import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from cli.terminal import AsJson, console, errors, one_line_errors, settings_of
from common.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command()(bench)


def bench(  # noqa: PLR0913, PLR0917 - a parameter is an option, and each is a choice that a person has
    lines: Annotated[
        list[int] | None,
        typer.Option("--lines", help="Length of the history in lines; may be repeated.", show_default="50000"),
    ] = None,
    as_json: AsJson = False,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="The folder to work in; its files are removed at the end.", show_default=False),
    ] = None,
    repeat: Annotated[int, typer.Option("--repeat", min=1, help="How many times a short stage is measured.")] = 3,
    first_imports: Annotated[
        int, typer.Option("--first-imports", min=1, help="How many times the first import is measured.")
    ] = 1,
    skip: Annotated[
        list[str] | None, typer.Option("--skip", help="Skip warm, mongodb, dlt or ccusage; may be repeated.")
    ] = None,
    against: Annotated[
        Path | None, typer.Option("--against", help="A checkout of an earlier release whose import is measured too.")
    ] = None,
    large_file: Annotated[
        int | None,
        typer.Option("--large-file", min=0, help="Size of the longest transcript in MB (default: 100 at 1M lines)."),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Do not remove the files at the end.")] = False,
) -> None:
    """Measure every stage on generated transcripts, in a folder that is removed at the end."""
    with one_line_errors():
        settings = settings_of()
        if settings.loader_url:
            raise UsageError("bench: expected a checkout, found the appliance; run ./analytics bench in a checkout")
        from bench.measure import measure_all
        from bench.plan import DEFAULT_LINES, Plan, check
        from bench.table import show

        with _folder(data, keep=keep) as folder:
            plan = Plan(
                folder=folder,
                sizes=tuple(dict.fromkeys(lines or [DEFAULT_LINES])),
                say=_say,
                repeat=repeat,
                first_imports=first_imports,
                large_file=None if large_file is None else large_file * 1_000_000,
                skip=frozenset(skip or ()),
                against=against,
                keep=keep,
                mongo_uri=settings.mongo_uri.get_secret_value() if settings.mongo_uri else None,
            )
            check(plan)
            report = measure_all(plan)
        if as_json:
            console.print_json(data=report.as_data())
        else:
            show(console, report)


def _say(message: str) -> None:
    errors.print(f"[dim]bench:[/] {escape(message)}", highlight=False, soft_wrap=True)


@contextmanager
def _folder(parent: Path | None, *, keep: bool) -> Iterator[Path]:
    """Yield a new folder; it goes at the end, also after SIGTERM and Ctrl-C."""
    if parent is not None and not parent.is_dir():
        raise UsageError(f"--data: expected a folder, found none at {parent}; create it first")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    folder = Path(tempfile.mkdtemp(prefix="claude-analytics-bench-", dir=parent)).resolve()
    try:
        yield folder
    finally:
        signal.signal(signal.SIGTERM, before)
        if keep:
            _say(f"the files are in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
