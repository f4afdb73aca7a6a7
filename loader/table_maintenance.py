"""Maintains the Iceberg tables: compacts small files, expires old snapshots, deletes files of no snapshot.

Nothing here changes a row. A compaction's commit copies the loader's progress, so the next extract or load
continues where the last one ended. The caller holds the pipeline lock.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pyarrow.fs as pafs
from pyiceberg.catalog import Catalog
from pyiceberg.io.pyarrow import PyArrowFileIO, _dataframe_to_data_files
from pyiceberg.table import FileScanTask, Table

from common.catalog import CONVERSATIONS, DEAD_LETTERS, TRANSCRIPT_FILES, open_table
from common.extract_progress import progress_properties
from common.loader_results import MaintenanceResult
from loader.read import read_tasks

Progress = Callable[[int, int | None], None]

SMALL_BYTES = 16 * 1024 * 1024
"""A file below this size is compacted with others."""
GROUP_BYTES = 32 * 1024 * 1024
"""Compressed size of the files that one commit replaces."""
WRITTEN_BYTES = 128 * 1024 * 1024
"""Bytes of rows in memory to write a file, uncompressed: text compresses to about a tenth."""
FEWEST_FILES = 4
"""Fewer small files of one partition are not compacted: each compaction also costs a snapshot."""
_OUR_FILES = (".parquet", ".avro", ".metadata.json")
SNAPSHOT_AGE = timedelta(days=7)
ORPHAN_AGE = timedelta(days=1)
"""A younger file may belong to a commit that another engine is about to make."""


def maintain(
    catalog: Catalog,
    *,
    snapshot_age: timedelta = SNAPSHOT_AGE,
    orphan_age: timedelta = ORPHAN_AGE,
    progress: Progress | None = None,
) -> MaintenanceResult:
    """Maintain all our tables; return what was done."""
    started, report = time.monotonic(), progress or (lambda done, total: None)
    tables = [open_table(catalog, name) for name in (CONVERSATIONS, DEAD_LETTERS, TRANSCRIPT_FILES)]
    read, written = map(sum, zip(*(compact(table, report) for table in tables[:2]), strict=True))
    expired = sum(expire_snapshots(table, snapshot_age) for table in tables)
    deleted = [size for table in tables for size in delete_orphans(table, orphan_age)]
    return MaintenanceResult(
        files_compacted=read,
        files_written=written,
        snapshots_expired=expired,
        orphans_deleted=len(deleted),
        bytes_freed=sum(deleted),
        seconds=time.monotonic() - started,
    )


def compact(table: Table, progress: Progress) -> tuple[int, int]:
    """Rewrite small files, one group and one commit at a time: files read, files written."""
    read, written = 0, 0
    groups = list(_groups(table))
    total = sum(len(group) for group in groups)
    for group in groups:
        progress(read, total)
        written += _rewrite(table, group)
        read += len(group)
    return read, written


def expire_snapshots(table: Table, age: timedelta) -> int:
    """Expire the snapshots older than that, but never the current one; return how many."""
    table.refresh()
    before = len(table.metadata.snapshots)
    oldest = datetime.now(UTC) - age
    if not any(snapshot.timestamp_ms < oldest.timestamp() * 1000 for snapshot in table.metadata.snapshots):
        return 0
    table.maintenance.expire_snapshots().older_than(oldest).commit()
    table.refresh()
    return before - len(table.metadata.snapshots)


def delete_history(table: Table) -> int:
    """Expire every snapshot but the current one and delete the files that only they need; return the bytes freed.

    For rows that must not be readable any more. Another engine that is reading such a snapshot fails.
    """
    table.refresh()
    before = set(_data_files(table))
    table.maintenance.expire_snapshots().older_than(datetime.now(UTC) + timedelta(days=1)).commit()
    table.refresh()
    freed = 0
    for location in before - set(_data_files(table)):
        size = len(table.io.new_input(location))
        table.io.delete(location)
        freed += size
    return freed


def delete_orphans(table: Table, age: timedelta) -> Iterator[int]:
    """Delete data files, manifests and manifest lists of no snapshot, and table metadata that is not in the log.

    Yields the size of each.
    """
    if not isinstance(table.io, PyArrowFileIO):
        return
    scheme, netloc, root = PyArrowFileIO.parse_location(table.location())
    files = table.io.fs_by_scheme(scheme, netloc)
    known = {PyArrowFileIO.parse_location(location)[2] for location in _referenced(table)}
    oldest = datetime.now(UTC) - age
    for info in files.get_file_info(pafs.FileSelector(root, allow_not_found=True, recursive=True)):
        if info.type != pafs.FileType.File or not info.path.endswith(_OUR_FILES):
            continue
        if info.path not in known and info.mtime < oldest:
            files.delete_file(info.path)
            yield info.size


def _groups(table: Table) -> Iterator[list[FileScanTask]]:
    """Yield groups of small files of one partition, of bounded size."""
    partitions: dict[str, list[FileScanTask]] = defaultdict(list)
    for task in table.scan().plan_files():
        if task.file.file_size_in_bytes < SMALL_BYTES and not task.delete_files:
            partitions[str(task.file.partition)].append(task)
    for tasks in partitions.values():
        group: list[FileScanTask] = []
        for task in tasks:
            group.append(task)
            if sum(task.file.file_size_in_bytes for task in group) >= GROUP_BYTES:
                yield group
                group = []
        if len(group) >= FEWEST_FILES:
            yield group


def _rewrite(table: Table, group: list[FileScanTask]) -> int:
    """Rewrite the files of a group in one commit; return the number of new files."""
    schema = table.schema().as_arrow()
    written = [
        file
        for rows in read_tasks(table, group, table.schema().column_names, batch_bytes=WRITTEN_BYTES)
        for file in _dataframe_to_data_files(table.metadata, rows.cast(schema), table.io, uuid4())
    ]
    with (
        table.transaction() as transaction,
        transaction.update_snapshot(snapshot_properties=progress_properties(table)).overwrite() as snapshot,
    ):
        for task in group:
            snapshot.delete_data_file(task.file)
        for file in written:
            snapshot.append_data_file(file)
    return len(written)


def _referenced(table: Table) -> Iterator[str]:
    """Yield every file that the table or one of its snapshots needs."""
    yield table.metadata_location
    yield from (entry.metadata_file for entry in table.metadata.metadata_log)
    yield from _data_files(table)


def _data_files(table: Table) -> Iterator[str]:
    """Yield the manifest lists, manifests and data files of the table's snapshots."""
    for snapshot in table.metadata.snapshots:
        yield snapshot.manifest_list
        for manifest in snapshot.manifests(table.io):
            yield manifest.manifest_path
            for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True):
                yield entry.data_file.file_path
