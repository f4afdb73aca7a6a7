"""Rows as Arrow tables: typed by the columns of raw.conversations, converted to Arrow incrementally."""

from typing import Any, NamedTuple

import pyarrow as pa

from loader.flatten_blocks import BlockFields
from loader.flatten_line import LineFields, Source
from loader.flatten_results import ResultFields
from loader.flatten_usage import ReportedFields, UsageFields
from loader.raw_schema import ADDED_BY_THE_LOAD, RAW_COLUMNS, arrow_schema

ROWS_PER_PIECE = 4_096
"""The most rows held as Python objects before they are converted to Arrow."""

CONVERSATIONS = arrow_schema(RAW_COLUMNS, without=ADDED_BY_THE_LOAD)


class Row(NamedTuple):
    """One row of raw.conversations, in parts that several rows may share."""

    source: Source
    line: LineFields
    usage: UsageFields
    reported: ReportedFields
    block: BlockFields
    result: ResultFields


_PARTS: tuple[type[Any], ...] = (Source, LineFields, UsageFields, ReportedFields, BlockFields, ResultFields)
_NAMES = [name for part in _PARTS for name in part._fields]
if sorted(_NAMES) != sorted(CONVERSATIONS.names):
    raise TypeError(f"the parts of a row and raw.conversations differ: {set(_NAMES) ^ set(CONVERSATIONS.names)}")


class RowBuilder:
    """Collects rows into one Arrow table."""

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._pieces: list[pa.RecordBatch] = []

    def add(self, row: Row) -> None:
        """Add one row."""
        self._rows.append(row)
        if len(self._rows) >= ROWS_PER_PIECE:
            self._convert()

    def extend(self, rows: list[Row]) -> None:
        """Add all rows of a document."""
        for row in rows:
            self.add(row)

    def table(self) -> pa.Table:
        """Return all rows so far, in the order of raw.conversations' columns."""
        self._convert()
        return pa.Table.from_batches(self._pieces, CONVERSATIONS)

    def _convert(self) -> None:
        if not self._rows:
            return
        columns: dict[str, pa.Array] = {}
        for part, values in zip(_PARTS, zip(*self._rows, strict=True), strict=True):
            for name, column in zip(part._fields, zip(*values, strict=True), strict=True):
                columns[name] = pa.array(column, CONVERSATIONS.field(name).type)
        arrays = [columns[name] for name in CONVERSATIONS.names]
        self._pieces.append(pa.RecordBatch.from_arrays(arrays, schema=CONVERSATIONS))
        self._rows.clear()
