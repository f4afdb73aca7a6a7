"""One row per content block of one transcript line; a line without blocks is one row.

Takes batches with the columns of the Iceberg table, returns Arrow tables for raw.conversations, raw.rejected_values,
raw.rejected_documents and raw.masked_secrets. Every line becomes at least one row, or a rejected document with the
reason: one bad line never stops a load.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pyarrow as pa

from common.documents import Document, NotJson, parse
from loader.arrow_rows import Row, RowBuilder
from loader.cut import TEXT_LIMIT
from loader.flatten_blocks import BlockFields, block_fields, blocks_of, is_result
from loader.flatten_line import Line, LineFields, Source, line_fields, open_line
from loader.flatten_plain import line_attributes, plain_text
from loader.flatten_reduced import Secret, WasRejectedError, reduced_rows
from loader.flatten_results import NO_RESULT, result_fields
from loader.flatten_usage import NO_USAGE, NOTHING_REPORTED, UsageFields, reported_fields, usage_fields
from loader.masked_secrets import masked_secrets
from loader.raw_schema import MASKED_SECRETS, REJECTED_DOCUMENTS, REJECTED_VALUES, arrow_schema
from loader.repeated import shortened
from loader.values import Checker

REASON_LENGTH = 200


class Flattened(NamedTuple):
    """A flattened batch of documents: one Arrow table for each table of schema raw that it adds rows to."""

    conversations: pa.Table
    rejected_values: pa.Table
    rejected_documents: pa.Table
    masked_secrets: pa.Table


def flatten(documents: pa.Table, tool_output_limit: int) -> Flattened:
    """Return the rows of a batch of documents, with at most `tool_output_limit` characters of a tool's output."""
    rows, flattener, rejected = RowBuilder(), _Flattener(tool_output_limit), []
    with _no_cycles_here():
        for source, text in _documents(documents):
            try:
                rows.extend(flattener.rows_of(source, text))
            except WasRejectedError as error:
                rejected.append(_rejected_document(source, str(error), is_reduced=True))
            except Exception as error:  # noqa: BLE001 - no line may stop a load, whatever it is that it makes fail
                flattener.checker.forget()
                rejected.append(_rejected_document(source, f"{type(error).__name__}: {error}", is_reduced=False))
    return Flattened(
        rows.table(),
        _table(flattener.checker.rejected, REJECTED_VALUES, ()),
        _table(rejected, REJECTED_DOCUMENTS, ("rejected_at",)),
        _table([*masked_secrets(documents), *flattener.secrets], MASKED_SECRETS, ()),
    )


@contextmanager
def _no_cycles_here() -> Iterator[None]:
    """Turn off garbage collection: parsed JSON has no cycles, and searching for them takes a fifth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _rejected_document(source: Source, error: str, *, is_reduced: bool) -> tuple[Any, ...]:
    reason = error[:REASON_LENGTH].encode("utf-8", "replace").decode()
    source_columns = (source.document_id, source.project_id, source.source_file, source.host, source.byte_offset)
    return (*source_columns, reason, is_reduced, source.extracted_at)


def _table(rows: list[Any], columns: dict[str, str], without: tuple[str, ...]) -> pa.Table:
    schema = arrow_schema(columns, without)
    values = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pa.table([pa.array(column, field.type) for column, field in zip(values, schema, strict=True)], schema)


def _documents(table: pa.Table) -> Iterator[tuple[Source, memoryview]]:
    """Yield each document with its source; its text is not copied."""
    for batch in table.to_batches():
        columns = [_values(batch, name) for name in Source._fields]
        texts = batch.column("document")
        for position, source in enumerate(zip(*columns, strict=True)):
            buffer = texts[position].as_buffer()
            yield Source(*source), memoryview(buffer if buffer is not None else b"null")


def _values(batch: pa.RecordBatch, name: str) -> list[Any]:
    """Return a column's values, moments as microseconds; all NULL if an older table lacks the column."""
    if name not in batch.schema.names:
        return [None] * batch.num_rows
    column = batch.column(name)
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    values: list[Any] = column.to_pylist()
    return values


class _Flattener:
    """Flattens one document after the other."""

    def __init__(self, tool_output_limit: int) -> None:
        self.tool_output_limit = tool_output_limit
        self.checker = Checker()
        self.secrets: list[Secret] = []
        """Masks that reduced lines had before their texts were removed."""

    def rows_of(self, source: Source, text: memoryview) -> list[Row]:
        """Return the rows of one document."""
        self.checker.begin(source.document_id)
        try:
            document = parse(text)
        except NotJson:
            return [self._row_of_text(source, str(text, "utf-8", "replace"))]
        try:
            return self._rows(source, document)
        except (RecursionError, TypeError):  # nested deeper than orjson writes, or than Python walks
            self.checker.forget()
            return self._rows(source, document.cut_to_depth())

    def _rows(self, source: Source, document: Document) -> list[Row]:
        if reduced := reduced_rows(source, document.value):
            self.checker.rejected += reduced.rejected
            self.secrets += reduced.secrets
            return reduced.rows
        line = open_line(document.value)
        message = line.carrier.get("message")
        blocks = blocks_of(message)
        fields = line_fields(line, len(blocks), self.checker)
        usage = usage_fields(message.get("usage"), self.checker) if isinstance(message, dict) else NO_USAGE
        if not blocks:
            return [self._plain_row(source, document, line, fields, usage)]
        return self._block_rows(source, line, *shortened(fields, usage, len(blocks)), blocks)

    def _row_of_text(self, source: Source, text: str) -> Row:
        fields = line_fields(open_line(None), 0, self.checker)
        block = BlockFields(f"{source.document_id}:0", 0, block_text=text[:TEXT_LIMIT])
        return Row(source, fields, NO_USAGE, NOTHING_REPORTED, block, NO_RESULT)

    def _plain_row(self, source: Source, document: Document, line: Line, fields: LineFields, usage: UsageFields) -> Row:
        is_report = fields.line_type == "cost-state"
        reported = reported_fields(line.outer, self.checker) if is_report else NOTHING_REPORTED
        block = BlockFields(
            f"{source.document_id}:0",
            0,
            block_text=plain_text(line.outer),
            attributes=line_attributes(document, self.checker),
        )
        return Row(source, fields, usage, reported, block, NO_RESULT)

    def _block_rows(
        self, source: Source, line: Line, fields: LineFields, usage: UsageFields, blocks: list[Any]
    ) -> list[Row]:
        # toolUseResult describes one result: the first, if a line has several.
        result_index = next((index for index, block in enumerate(blocks) if is_result(block)), None)
        rows = []
        for index, block in enumerate(blocks):
            own = block_fields(block, source.document_id, index, self.tool_output_limit, self.checker)
            result = NO_RESULT
            if index == result_index:
                result = result_fields(line.carrier.get("toolUseResult"), line.either("toolDenialKind"), self.checker)
            rows.append(Row(source, fields, usage, NOTHING_REPORTED, own, result))
        return rows
