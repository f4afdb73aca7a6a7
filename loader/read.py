"""Reads the documents of an Iceberg table file by file, in batches of bounded size.

pyiceberg's own batch reader opens all files of a scan at once and holds them all; a first load of a long history would
need as much memory as the history is long.
"""

from collections.abc import Iterator
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.io.pyarrow import ArrowScan
from pyiceberg.table import FileScanTask, Table

BATCH_BYTES = 12 * 1024 * 1024
"""DuckDB's working memory grows with the documents it flattens at once, some twenty times their size."""
_ROWS = 128


def read_documents(table: Table, row_filter: str, extracted_after: datetime | None) -> Iterator[pa.Table]:
    """The rows extracted after that moment (None: all), file by file in no order, in tables of about BATCH_BYTES.

    row_filter says the same in Iceberg's words, so that files without such rows are not opened.
    """
    scan = table.scan(row_filter=row_filter)
    names = table.schema().column_names
    waiting: list[pa.Table] = []
    for task in scan.plan_files():
        for batch in _task_batches(table, task, names):
            piece = batch
            if extracted_after is not None:
                piece = batch.filter(pc.greater(batch["extracted_at"], pa.scalar(extracted_after)))
            if piece.num_rows:
                waiting.append(piece)
            if sum(each.nbytes for each in waiting) >= BATCH_BYTES:
                yield pa.concat_tables(waiting)
                waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def _task_batches(table: Table, task: FileScanTask, names: list[str]) -> Iterator[pa.Table]:
    if task.delete_files:  # another engine deleted rows by position; pyiceberg knows how to leave them out
        scan = table.scan()
        whole = ArrowScan(table.metadata, table.io, scan.projection(), scan.row_filter).to_table([task])
        yield whole.select(names)
        return
    with table.io.new_input(task.file.file_path).open(seekable=True) as stream:
        file = pq.ParquetFile(stream, pre_buffer=False)
        for batch in file.iter_batches(batch_size=_ROWS, columns=names):
            yield pa.Table.from_batches([batch]).select(names)
