"""`sql`: queries the published database; the result is a table, CSV or JSON."""

import csv
import itertools
import sys
from typing import Annotated, Any

import duckdb
import typer
from rich.markup import escape
from rich.table import Column, Table

from cli.published_summary import published
from cli.terminal import EXIT_USAGE, AsJson, Data, console, fail, one_line_errors, settings_of
from common import numbers


def register(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command()(sql)


def sql(
    query: Annotated[str, typer.Argument(help="A DuckDB SELECT statement.")],
    data: Data = None,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """Ask the published database, read-only."""
    with one_line_errors(), published(settings_of(data_dir=data)) as connection:
        try:
            if not connection.extract_statements(query):
                fail("expected a statement such as select 1, found none", EXIT_USAGE)
            cursor = connection.execute(query)
            columns, rows = [column[0] for column in cursor.description or []], cursor.fetchall()
        except duckdb.Error as error:
            fail(with_hints(error))
        if as_json:
            console.print_json(data=[dict(zip(columns, row, strict=True)) for row in rows], default=str)
        elif as_csv:
            _print_csv(columns, rows)
        else:
            _print_table(columns, rows)


def with_hints(error: duckdb.Error) -> str:
    """Return DuckDB's error up to the place in the query, including "Did you mean" and the available columns."""
    said = itertools.takewhile(lambda line: not line.startswith("LINE "), str(error).splitlines())
    return " ".join(line.strip() for line in said if line.strip())[:600]


def _print_csv(columns: list[str], rows: list[tuple[Any, ...]]) -> None:
    writer = csv.writer(sys.stdout)
    try:
        writer.writerow(columns)
        writer.writerows(rows)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough
        console.on_broken_pipe()


def _print_table(columns: list[str], rows: list[tuple[Any, ...]]) -> None:
    fits = sum(len(name) + 3 for name in columns) < console.width  # else rich would leave columns out
    console.print(_as_table(columns, rows) if fits else _as_records(columns, rows), highlight=False)
    console.print(numbers.counted(len(rows), "row"), highlight=False)


def _as_records(columns: list[str], rows: list[tuple[Any, ...]]) -> Table:
    """A line per value, a section per row."""
    table = Table("column", Column("value", overflow="fold"))
    for row in rows:
        for name, value in zip(columns, row, strict=True):
            table.add_row(escape(name), _as_text(value))
        table.add_section()
    return table


def _as_text(value: Any) -> str:
    return "" if value is None else escape(str(value))


def _as_table(columns: list[str], rows: list[tuple[Any, ...]]) -> Table:
    table = Table()
    for position, name in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[position], int | float | None) for row in rows)
        table.add_column(escape(name), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(_as_text, row))
    return table
