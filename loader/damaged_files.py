"""Finds Iceberg data files that are missing or truncated, by their sizes, so that an extract rewrites their lines.

In a power cut, a local disk may lose unflushed files that the catalog refers to. They are removed from the table in one
commit; an extract then adds the lines that only the record store has, as it does late lines.
"""

from collections.abc import Callable, Iterator

import pyarrow.fs as pafs
import structlog
from pyiceberg.catalog import Catalog
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table

from common.catalog import CONVERSATIONS, DEAD_LETTERS, FORGOTTEN, TRANSCRIPT_FILES, open_table
from common.errors import AnalyticsError
from common.extract_progress import progress_properties
from loader.table_state import UNMATCHED, total_rows
from records import RecordStore

log = structlog.get_logger()


class DamagedTableError(AnalyticsError):
    """Data files are damaged, and their lines may have no other copy."""


def let_go_of_damaged(store: RecordStore, catalog: Catalog) -> None:
    """Remove the damaged files from all our tables.

    Raises DamagedTableError, and leaves a damaged table unchanged, if the record store has fewer lines than it.
    """
    table = open_table(catalog, CONVERSATIONS)
    progress = progress_properties(table)
    unmatched = min(0, int(progress.get(UNMATCHED, "0")))
    _let_go(table, store, lambda: store.count() - unmatched, progress)
    counts = {DEAD_LETTERS: store.count_rejected, TRANSCRIPT_FILES: store.count_states}
    if catalog.table_exists(FORGOTTEN):
        counts[FORGOTTEN] = lambda: len(store.forget_requests()) + sum(1 for _ in store.all_marks())
    for name, count in counts.items():
        _let_go(open_table(catalog, name), store, count, {})


def _let_go(table: Table, store: RecordStore, count: Callable[[], int], progress: dict[str, str]) -> None:
    damaged = list(_damaged(table))
    if not damaged:
        return
    name, first = ".".join(table.name()), damaged[0].file_path
    rows_in_store = count()
    if rows_in_store < total_rows(table):
        raise DamagedTableError(
            f"expected complete data files of {name}, found {len(damaged)} missing or cut short ({first}), and only"
            f" {rows_in_store} of {total_rows(table)} rows in {store.name}: restore a backup"
        )
    with (
        table.transaction() as transaction,
        transaction.update_snapshot(snapshot_properties=progress).overwrite() as snapshot,
    ):
        for file in damaged:
            snapshot.delete_data_file(file)
    rows = sum(file.record_count for file in damaged)
    log.warning("extract.damaged_files", table=name, files=len(damaged), rows=rows, first=first)


def _damaged(table: Table) -> Iterator[DataFile]:
    """Yield the files of the current snapshot whose size differs from the table's metadata."""
    if not isinstance(table.io, PyArrowFileIO) or table.current_snapshot() is None:
        return
    scheme, netloc, root = PyArrowFileIO.parse_location(table.location())
    files = table.io.fs_by_scheme(scheme, netloc)
    selector = pafs.FileSelector(root, allow_not_found=True, recursive=True)
    sizes = {info.path: info.size for info in files.get_file_info(selector)}
    for task in table.scan().plan_files():
        path = PyArrowFileIO.parse_location(task.file.file_path)[2]
        if sizes.get(path) != task.file.file_size_in_bytes and _size(table, task.file) != task.file.file_size_in_bytes:
            yield task.file


def _size(table: Table, file: DataFile) -> int | None:
    """Return a file's size by its own path: another engine may write outside the table's folder."""
    try:
        return len(table.io.new_input(file.file_path))
    except FileNotFoundError:
        return None
