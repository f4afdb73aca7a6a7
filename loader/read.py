"""Reads an Iceberg table file by file, in batches of bounded bytes, whatever the size of its files and row groups.

pyiceberg's batch reader opens all files of a scan at once and keeps them all; its memory would grow with the history.
"""

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.expressions import AlwaysTrue, BooleanExpression
from pyiceberg.expressions.visitors import bind, extract_field_ids
from pyiceberg.io.pyarrow import ArrowScan, expression_to_pyarrow
from pyiceberg.table import ALWAYS_TRUE, DataScan, FileScanTask, Table

BATCH_BYTES = 12 * 1024 * 1024
_MOST_ROWS = 1024


def use_frugal_pool() -> None:
    """Make Arrow use the allocator that returns memory soonest, if this build has it."""
    if "jemalloc" in pa.supported_memory_backends():
        pa.set_memory_pool(pa.jemalloc_memory_pool())


def read_rows(
    table: Table,
    columns: Sequence[str],
    row_filter: str | BooleanExpression = ALWAYS_TRUE,
    *,
    batch_bytes: int = BATCH_BYTES,
) -> Iterator[pa.Table]:
    """Yield the rows that match the filter, file by file in no order, in tables of about `batch_bytes`.

    A larger row gets its own table. Columns that a file lacks are null.
    """
    scan = table.scan(row_filter=row_filter, selected_fields=tuple(columns))
    return read_tasks(table, scan.plan_files(), columns, scan.row_filter, batch_bytes=batch_bytes)


def read_tasks(
    table: Table,
    tasks: Iterable[FileScanTask],
    columns: Sequence[str],
    row_filter: BooleanExpression = ALWAYS_TRUE,
    *,
    batch_bytes: int = BATCH_BYTES,
) -> Iterator[pa.Table]:
    """Yield the rows of these files as `read_rows` does."""
    waiting: list[pa.Table] = []
    size = 0
    for task in tasks:
        for rows in _rows_of(table, task, row_filter, list(columns)):
            for part in _cut(rows, batch_bytes):
                if waiting and size + part.nbytes > batch_bytes:
                    yield pa.concat_tables(waiting)
                    waiting, size = [], 0
                waiting.append(part)
                size += part.nbytes
    if waiting:
        yield pa.concat_tables(waiting)


def _cut(rows: pa.Table, batch_bytes: int) -> Iterator[pa.Table]:
    """Halve a table until each part fits or is a single row."""
    if rows.num_rows > 1 and rows.nbytes > batch_bytes:
        middle = rows.num_rows // 2
        yield from _cut(rows.slice(0, middle), batch_bytes)
        yield from _cut(rows.slice(middle), batch_bytes)
    elif rows.num_rows:
        yield rows


def _rows_of(table: Table, task: FileScanTask, row_filter: BooleanExpression, columns: list[str]) -> Iterator[pa.Table]:
    if task.delete_files:  # another engine deleted rows by position; pyiceberg can skip them
        scan: DataScan = table.scan(row_filter=row_filter, selected_fields=tuple(columns))
        yield ArrowScan(table.metadata, table.io, scan.projection(), row_filter).to_table([task]).select(columns)
        return
    with table.io.new_input(task.file.file_path).open(seekable=True) as stream:
        file = pq.ParquetFile(stream, pre_buffer=False)
        condition, needed = _condition(table, row_filter)
        wanted = list(dict.fromkeys([*columns, *needed]))
        written = set(file.schema_arrow.names)
        for batch in file.iter_batches(_rows_at_once(file), columns=[name for name in wanted if name in written]):
            rows = _completed(table, pa.Table.from_batches([batch]), wanted)
            yield (rows if condition is None else rows.filter(condition)).select(columns)


def _condition(table: Table, row_filter: BooleanExpression) -> tuple[object | None, list[str]]:
    """Return the filter as an Arrow expression, and the columns that it uses."""
    if isinstance(row_filter, AlwaysTrue):
        return None, []
    schema = table.schema()
    bound = bind(schema, row_filter, case_sensitive=True)
    names = [name for field in extract_field_ids(bound) if (name := schema.find_column_name(field))]
    return expression_to_pyarrow(bound), names


def _completed(table: Table, rows: pa.Table, names: list[str]) -> pa.Table:
    schema = table.schema().as_arrow()
    for name in names:
        if name not in rows.column_names:
            rows = rows.append_column(schema.field(name), pa.nulls(rows.num_rows, schema.field(name).type))
    return rows


def _rows_at_once(file: pq.ParquetFile) -> int:
    """Return how many rows of average size make a batch."""
    metadata = file.metadata
    size = sum(int(metadata.row_group(index).total_byte_size) for index in range(metadata.num_row_groups))
    average = max(1, size // max(1, int(metadata.num_rows)))
    return max(1, min(_MOST_ROWS, BATCH_BYTES // average))
