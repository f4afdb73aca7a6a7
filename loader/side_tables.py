"""The collector's own records in Iceberg: rejected lines, appended, and file states, copied when they change."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import fields
from datetime import timedelta
from operator import attrgetter
from typing import Any

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.table import ALWAYS_TRUE, Table

from common.catalog import DEAD_LETTERS, DEAD_LETTERS_SCHEMA, TRANSCRIPT_FILES, open_table
from common.chunks import chunks
from common.masking import Masker
from loader.iceberg_rows import rejected_of_rows, rows_of_rejected
from loader.read import read_rows
from loader.table_maintenance import expire_snapshots
from loader.table_state import total_rows
from records import RecordStore, RejectedLine
from records.file_state import FileState

DIGEST = "claude-analytics.digest"
BATCH_BYTES = 16 * 1024 * 1024
_IDS_PER_READ = 100
_EARLIER_STATES = timedelta(hours=1)
"""How long snapshots of the file states are kept: each slows commits, and nobody queries how far a file was read."""
_told = attrgetter(*(field.name for field in fields(FileState) if field.name != "collected_at"))
"""The columns that define a file's state. The moment of collection changes with every pass and is not news alone."""


def copy_side_tables(store: RecordStore, catalog: Catalog, masker: Masker | None = None) -> None:
    """Update both Iceberg tables from the record store; a table that is up to date gets no new snapshot."""
    _append_rejected(store, open_table(catalog, DEAD_LETTERS), masker)
    _copy_states(store, open_table(catalog, TRANSCRIPT_FILES))


def replace_rejected(store: RecordStore, catalog: Catalog, masker: Masker | None) -> None:
    """Rewrite the rejected lines from the record store, after restoring those that only the table has."""
    restore_side_tables(store, catalog, lost=False)
    table = open_table(catalog, DEAD_LETTERS)
    if total_rows(table) == 0:
        return
    with table.transaction() as transaction:
        transaction.delete(ALWAYS_TRUE)
        for some in _batches(store, store.rejected_ids()):
            transaction.append(rows_of_rejected(some, masker))


def restore_side_tables(store: RecordStore, catalog: Catalog, *, lost: bool) -> None:
    """Restore to the record store the rejected lines and file states that only Iceberg has.

    `lost`: whether the store has lost lines, so that its states of files may be outdated, too.
    """
    rejected, files = open_table(catalog, DEAD_LETTERS), open_table(catalog, TRANSCRIPT_FILES)
    if store.count_rejected() < total_rows(rejected):
        for rows in read_rows(rejected, DEAD_LETTERS_SCHEMA.column_names, batch_bytes=BATCH_BYTES):
            store.restore_rejected(list(rejected_of_rows(rows)))
    if lost or store.count_states() < total_rows(files):
        known = {state.id: state for state in store.all_states()}
        for rows in read_rows(files, files.schema().column_names):
            states = map(_state_of, rows.to_pylist())
            store.restore_states([state for state in states if _is_newer(state, known.get(state.id))])


def _is_newer(state: FileState, known: FileState | None) -> bool:
    if known is None or known.collected_at is None:
        return True
    return bool(state.digest and state.collected_at and state.collected_at > known.collected_at)


def _append_rejected(store: RecordStore, table: Table, masker: Masker | None) -> None:
    if store.count_rejected() == total_rows(table):
        return
    known = {line_id for rows in read_rows(table, ["document_id"]) for line_id in rows["document_id"].to_pylist()}
    for some in _batches(store, (line_id for line_id in store.rejected_ids() if line_id not in known)):
        table.append(rows_of_rejected(some, masker))


def _batches(store: RecordStore, line_ids: Iterable[str]) -> Iterator[list[RejectedLine]]:
    lines = (line for some in chunks(line_ids, _IDS_PER_READ) for line in store.read_rejected(some))
    return chunks(lines, BATCH_BYTES, weight=lambda line: len(line.raw))


def _copy_states(store: RecordStore, table: Table) -> None:
    digest, states = hashlib.sha256(), list(store.all_states())
    for state in states:
        digest.update(repr(_told(state)).encode(errors="surrogatepass"))
    snapshot = table.current_snapshot()
    properties = snapshot.summary.additional_properties if snapshot and snapshot.summary else {}
    if properties.get(DIGEST) == digest.hexdigest() or not (snapshot or states):
        return
    write = table.overwrite if snapshot else table.append
    written = pa.Table.from_pylist(list(map(_row, states)), schema=table.schema().as_arrow())
    write(written, snapshot_properties={DIGEST: digest.hexdigest()})
    expire_snapshots(table, _EARLIER_STATES)


def _row(state: FileState) -> dict[str, Any]:
    return {
        "host": state.host,
        "source_file": state.source_file,
        "project_id": state.project_id,
        "read_bytes": state.read_bytes,
        "lines": state.lines,
        "dead_letters": state.dead_letters,
        "duplicates": state.duplicates,
        "status": state.status,
        "error": state.error,
        "modified_at": state.modified_at,
        "collected_at": state.collected_at,
        "resets": state.resets,
        "person": state.person,
        "state": state.to_json(),
    }


def _state_of(row: dict[str, Any]) -> FileState:
    """Return a file's state; a row of version 0.1.0 has only the counts, so its file is read again."""
    if row["state"]:
        return FileState.from_document(json.loads(row["state"]))
    state = FileState(row["host"], row["source_file"], row["project_id"], root="", status=row["status"])
    state.read_bytes, state.lines = row["read_bytes"] or 0, row["lines"] or 0
    state.dead_letters, state.duplicates = row["dead_letters"] or 0, row["duplicates"] or 0
    state.modified_at, state.collected_at, state.resets = row["modified_at"], row["collected_at"], row["resets"] or 0
    return state
