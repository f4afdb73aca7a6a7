"""A table as wide as the terminal at most: names are cut with a cue, and columns that do not fit are named below."""

import os
import shutil
import sys
from collections.abc import Collection
from dataclasses import dataclass, field

from cli.quick.text import cut, pad, plain, width

_GAP = "  "


@dataclass(frozen=True)
class Column:
    """A column's title and what may happen to it where the terminal is narrow."""

    title: str
    right: bool = True
    least: int = 0
    """Its texts may be cut to this width; 0: never."""
    spare: int = 0
    """Where there is no room, the column with the highest number goes first; 0 always stays."""


MEASURES = (
    Column("Input", spare=3),
    Column("Output", spare=2),
    Column("Cache write", spare=5),
    Column("Cache read", spare=4),
    Column("Tokens"),
    Column("Cost"),
)
"""Tokens and cost, the last columns of every table of usage."""


@dataclass
class Table:
    """Rows of text under columns; the `totals` rows follow below a line."""

    columns: list[Column]
    rows: list[list[str]] = field(default_factory=list)
    totals: list[list[str]] = field(default_factory=list)

    def lines(self, columns: int) -> list[str]:
        """Return the table's lines, none wider than this."""
        needed = [
            max(map(width, [column.title, *texts]))
            for column, *texts in zip(self.columns, *self.rows, *self.totals, strict=True)
        ]
        shown, left_out = self._that_fit(needed, columns)
        widths = self._widths(shown, needed, columns)
        head = self._line([column.title for column in self.columns], shown, widths)
        rule = "─" * min(_together(widths.values()), columns)
        body = [self._line(row, shown, widths) for row in self.rows]
        sums = [self._line(row, shown, widths) for row in self.totals]
        cue = f"Not shown: {', '.join(left_out)}. Use a wider terminal, --csv or --json."
        return [head, rule, *body, *([rule, *sums] if sums else []), *([cut(cue, columns)] if left_out else [])]

    def _that_fit(self, needed: list[int], columns: int) -> tuple[list[int], list[str]]:
        least = [min(wanted, column.least or wanted) for wanted, column in zip(needed, self.columns, strict=True)]
        shown = list(range(len(self.columns)))
        left_out: list[str] = []
        while _together([least[position] for position in shown]) > columns:
            spare = max(shown, key=lambda position: (self.columns[position].spare, position))
            if not self.columns[spare].spare:
                break
            shown.remove(spare)
            left_out.insert(0, self.columns[spare].title)
        return shown, left_out

    def _widths(self, shown: list[int], needed: list[int], columns: int) -> dict[int, int]:
        """Give each column what it needs, and take what is too much from the widest names."""
        widths = {position: needed[position] for position in shown}
        names = [position for position in shown if self.columns[position].least]
        too_much = _together(widths.values()) - columns
        while too_much > 0 and names:
            widest = max(names, key=lambda position: widths[position])
            if widths[widest] <= 1:
                break
            widths[widest] -= 1
            too_much -= 1
        return widths

    def _line(self, row: list[str], shown: list[int], widths: dict[int, int]) -> str:
        cells = (
            pad(cut(row[position], widths[position]), widths[position], right=self.columns[position].right)
            for position in shown
        )
        return _GAP.join(cells).rstrip()


def _together(widths: Collection[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def name(text: str | None, missing: str) -> str:
    """Return a name from a transcript as a cell shows it."""
    return plain(text) if text else missing


def terminal_columns() -> int:
    """Return the terminal's width; where the output goes into a file, what COLUMNS says, or else 120."""
    if sys.stdout.isatty() or "COLUMNS" in os.environ:
        return max(shutil.get_terminal_size().columns, 20)
    return 120
