"""What quick commands write into a terminal: it obeys nothing, fits the width and says what it left out."""

import argparse
from datetime import date

import pytest

from cli.quick.options import day
from cli.quick.table import Column, Table
from cli.quick.text import cut, pad, plain, width


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mred\x1b[0m b", "ared b"),
        ("\x1b]0;title\x07done", "done"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPq#0\x1b\\x", "x"),
        ("back\x08\x08", "back��"),
        ("\x9b31mC1", "�31mC1"),
        ("right\u202eleft", "right�left"),
        ("a\r\nb\tc\u2028d", "a b c d"),
        ("\x1b", ""),
        ("\ud800", "�"),
        ("naïve 日本 👩‍💻", "naïve 日本 👩‍💻"),
    ],
)
def test_no_text_of_a_transcript_is_obeyed_by_the_terminal(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_lines_and_tabs_can_be_kept() -> None:
    assert plain("a\r\n\tb\rc\x07", keep_lines=True) == "a\n\tb\nc�"


@pytest.mark.parametrize(("text", "columns"), [("abc", 3), ("日本", 4), ("e\u0301", 1)])
def test_a_wide_character_counts_as_two_columns(text: str, columns: int) -> None:
    assert width(text) == columns
    assert width(pad(text, columns + 2, right=True)) == columns + 2


def test_what_is_cut_has_a_cue() -> None:
    assert cut("a name", 6) == "a name"
    assert cut("a longer name", 6) == "a lon…"
    assert width(cut("日本日本日本", 6)) <= 6


def example() -> Table:
    columns = [Column("Name", right=False, least=8), Column("Spare", spare=2), Column("Also", spare=1), Column("Cost")]
    return Table(columns, [["n" * 30, "1", "2", "$3.00"]], [["Total", "1", "2", "$3.00"]])


def test_a_table_is_as_wide_as_it_needs_and_sums_stand_below_a_line() -> None:
    lines = example().lines(100)
    assert lines[0] == f"{'Name':30}  Spare  Also   Cost"
    assert lines[-1] == f"{'Total':30}      1     2  $3.00"
    assert set(lines[1]) == set(lines[3]) == {"─"}


@pytest.mark.parametrize("columns", range(20, 60))
def test_a_table_never_is_wider_than_the_terminal(columns: int) -> None:
    assert max(map(width, example().lines(columns))) <= columns


def test_names_are_cut_before_a_column_goes_and_what_goes_is_named() -> None:
    assert example().lines(40)[2] == "n" * 19 + "…      1     2  $3.00"
    narrow = example().lines(24)
    assert narrow[0].split() == ["Name", "Also", "Cost"]
    assert narrow[-1].startswith("Not shown: Spare")


@pytest.mark.parametrize("text", ["2026-02-03", "20260203"])
def test_a_day_is_read_as_people_and_as_ccusage_write_it(text: str) -> None:
    assert day(text) == date(2026, 2, 3)


@pytest.mark.parametrize("text", ["2026-02-30", "20261301", "3.2.2026", "2026-0203-", "", "yesterday"])
def test_what_is_no_day_says_what_is_expected(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected a day as YYYY-MM-DD or YYYYMMDD"):
        day(text)
