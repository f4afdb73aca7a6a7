"""Shows a run in the terminal: per step a bar with rows and rate, then a line; a summary at the end."""

import re
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column, Table
from rich.text import Text

from cli.published_summary import Summary
from common.paths import DataPaths
from common.settings import Settings
from dashboards.formats import show
from scheduler.run_result import Event, FailedTest, RunResult, StepResult
from verify.report import VerifyReport

_UNITS = {"collect": "bytes", "extract": "documents", "load": "documents", "transform": "models and tests"}
_MARKS = {"succeeded": "[green]✓[/]", "skipped": "[dim]-[/]", "warned": "[yellow]![/]"}
_FAILED = "[red]✗[/]"
_COST_PER_MODEL = "select model, sum(cost_usd) as usd from marts.fct_api_requests group by model order by usd desc"


class RunView:
    """Prints a run's events as lines; a context manager, so that the bar is removed at the end."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<10}"),
            BarColumn(),
            _Amount(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def __call__(self, event: Event) -> None:
        """Take one event."""
        if event.kind == "step_started":
            self._task = self._bar.add_task(event.step, total=None, unit=_UNITS.get(event.step, ""))
        elif event.kind == "progress" and self._task is not None:
            self._bar.update(self._task, completed=event.done, total=event.total)
        elif event.kind == "log" and event.level == "warn" and event.step != "transform":  # its log is dbt's own
            self._console.print(
                f"  [yellow]{event.step}:[/] {escape(_cut(event.message))}", highlight=False, soft_wrap=True
            )
        elif event.kind == "step_finished" and event.result is not None:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = None
            self._console.print(_step_line(event.result), highlight=False, soft_wrap=True)


class _Amount(ProgressColumn):
    """Done of total, and how many a second."""

    def render(self, task: Task) -> Text:
        if not task.completed:
            return Text("")
        unit = task.fields["unit"]
        rate = task.completed / max(task.elapsed or 0, 0.001)
        if unit == "bytes":
            total = f" of {task.total / 2**20:,.0f}" if task.total else ""
            return Text(f"{task.completed / 2**20:,.0f}{total} MiB, {rate / 2**20:,.1f} MiB/s")
        total = f" of {task.total:,.0f}" if task.total else ""
        return Text(f"{task.completed:,.0f}{total} {unit}, {rate:,.0f}/s")


def show_steps(console: Console, steps: list[StepResult]) -> None:
    """The steps of a run, a line each."""
    for step in steps:
        console.print(_step_line(step), highlight=False, soft_wrap=True)


def _step_line(step: StepResult) -> str:
    mark = _MARKS.get(step.status, _FAILED)
    rows = step.rows_out if step.rows_out is not None else step.rows_in
    counted = f"{rows:,} rows" if rows is not None else ""
    return f"{mark} {step.name:<10}{counted:>16}  {step.seconds:>6.1f} s  {escape(_cut(step.message))}"


def _cut(message: str, limit: int = 160) -> str:
    """Return the first line; the rest is in the log."""
    line = " ".join(message.split())
    return line if len(line) <= limit else f"{line[: limit - 3]}..."


def _in_words(warning: str) -> str:
    """Return a warning of one of our tests, whose name is a sentence that should hold, as that sentence."""
    found = re.match(r"assert_(\w+): Got (\d+) results?", warning)
    if not found:
        return warning
    test, rows = found.groups()
    counted = "1 exception" if rows == "1" else f"{int(rows):,} exceptions"
    return f"{test.replace('_', ' ')}: {counted} (dbt test assert_{test})"


def show_failures(console: Console, result: RunResult) -> None:
    """Print warnings and, if the run failed, each failed test."""
    for warning in result.warnings:
        console.print(f"[yellow]warning:[/] {escape(_cut(_in_words(warning)))}", highlight=False, soft_wrap=True)
    if result.ok:
        return
    console.print(f"[red]{result.status}[/]: {escape(_cut(result.message, 600))}", highlight=False, soft_wrap=True)
    show_failed_tests(console, result.failed_tests)


def show_failed_tests(console: Console, failed_tests: list[FailedTest]) -> None:
    """Print each failed test with its first rows and the query for the rest."""
    for failed in failed_tests:
        said = escape(_cut(failed.node.message or failed.node.status, 600))
        console.print(f"[red]✗[/] {failed.node.name}: {said}", highlight=False, soft_wrap=True)
        if failed.rows:
            rows = Table(*failed.columns, show_edge=False)
            for row in failed.rows[:5]:
                rows.add_row(*[escape(cell or "") for cell in row])
            console.print(rows)
        if failed.node.query:
            console.print(f"  see the rows: [bold]{escape(failed.node.query)}[/]", highlight=False, soft_wrap=True)


def show_summary(console: Console, summary: Summary, settings: Settings, data: Path | None) -> None:
    """Print what is published now, and where; `data` is the option that further commands need, too."""
    option = f" --data {data}" if data else ""
    paths = DataPaths.of(settings)
    if paths.demo_marker.exists():
        console.print("A generated sample, not your history: ./analytics run reads yours.", highlight=False)
    table = Table(show_header=False, box=None, padding=(0, 2))
    cost = (
        "no model with a known price" if summary.cost_usd is None else f"{show(summary.cost_usd, 'usd')} at list prices"
    )
    rejected = f" ({show(summary.lines_set_aside, 'count')} rejected)" if summary.lines_set_aside else ""
    dates = f"{summary.first_date} to {summary.last_date}" if summary.first_date else "none yet"
    sessions = f"{show(summary.sessions, 'count')} in {show(summary.projects, 'count')} projects"
    table.add_row("sessions", sessions, "prompts", show(summary.prompts, "count"))
    table.add_row("messages", show(summary.messages, "count"), "tool calls", show(summary.tool_calls, "count"))
    table.add_row("tokens", show(summary.tokens, "tokens"), "cost", cost)
    table.add_row("dates", dates, "lines read", f"{show(summary.lines, 'count')}{rejected}")
    console.print(table, highlight=False)
    console.print(f"Report    {paths.report}", highlight=False, soft_wrap=True)
    database = paths.duckdb.published_database
    console.print(f"Database  {database}  (any DuckDB client, read-only)", highlight=False, soft_wrap=True)
    console.print(f"Terminal  ./analytics daily{option}", highlight=False, soft_wrap=True)
    console.print(f'SQL       ./analytics sql{option} "{_COST_PER_MODEL}"', highlight=False, soft_wrap=True)


def show_verification(console: Console, answer: VerifyReport) -> None:
    """Print what was recounted, and each figure that differs."""
    counted = f"{answer.files:,} files, {answer.sessions:,} sessions, {answer.responses:,} responses"
    console.print(f"Counted again: {counted}, {answer.tool_calls:,} tool calls, {answer.days:,} days", highlight=False)
    if answer.not_yet_collected:
        console.print(
            f"{answer.not_yet_collected:,} bytes were written since the last run and are left out", highlight=False
        )
    only = answer.only_in_database.items()
    kept = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in only if count)
    if kept:
        console.print(f"Only in the database, their transcripts are gone: {kept}", highlight=False, soft_wrap=True)
    if answer.agrees:
        console.print("[green]Every figure agrees.[/]")
        return
    names = ("figure", "day", "model", "in the files", "in the database", "for example")
    table = Table(*[Column(name, overflow="fold") for name in names], show_edge=False)
    for difference in answer.differences:
        counts = (f"{difference.in_files:,}", f"{difference.in_database:,}")
        table.add_row(difference.measure, difference.day, escape(difference.model), *counts, escape(difference.example))
    console.print(table, highlight=False)
