"""Forgetting in Iceberg: log and marks are a side table, so that a record store restored from it refuses lines, too.

The other tables are rewritten without forgotten rows, and no snapshot and no file keeps the earlier rows.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from hashlib import blake2b

import pyarrow as pa
from pyiceberg.catalog import Catalog

from common.catalog import CONVERSATIONS, DEAD_LETTERS, FORGOTTEN, TRANSCRIPT_FILES, open_table
from common.chunks import chunks
from loader.read import read_rows
from loader.table_maintenance import delete_history, delete_orphans
from loader.table_state import TableState
from records import RecordStore
from records.forgotten import ForgetRequest, Mark, Origin
from records.sweep import is_refused

DIGEST = "claude-analytics.digest"
_AT_ONCE = 50_000


def label_of_forgotten(store: RecordStore) -> str:
    """Return the label of a record store's requests: rows written under another label may contain forgotten lines."""
    return _digest(request.id for request in store.forget_requests())


def _digest(texts: Iterator[str]) -> str:
    joined = "\0".join(sorted(texts))
    return blake2b(joined.encode(), digest_size=8).hexdigest() if joined else ""


def has_open_requests(store: RecordStore) -> bool:
    """Return whether a request is not completed, so that earlier snapshots may contain its lines."""
    return any(request.finished_at is None for request in store.forget_requests())


def copy_forgotten(store: RecordStore, catalog: Catalog) -> None:
    """Update the table to the record store's log and marks."""
    requests = store.forget_requests()
    if not requests:
        return
    digest = _digest(json.dumps(request.to_document(), sort_keys=True) for request in requests)
    table = open_table(catalog, FORGOTTEN)
    snapshot = table.current_snapshot()
    if snapshot and snapshot.summary and snapshot.summary.additional_properties.get(DIGEST) == digest:
        return
    documents = [{"request_id": request.id, "request": json.dumps(request.to_document())} for request in requests]
    marks = ({"request_id": mark.request_id, "mark": mark.mark} for mark in store.all_marks())
    schema = table.schema().as_arrow()
    with table.transaction() as transaction:
        if snapshot:
            transaction.delete("request_id is not null")
        for some in chunks(marks, _AT_ONCE):
            transaction.append(pa.Table.from_pylist(some, schema=schema))
        transaction.append(pa.Table.from_pylist(documents, schema=schema), snapshot_properties={DIGEST: digest})


def restore_forgotten(store: RecordStore, catalog: Catalog) -> int:
    """Restore to the record store the requests that only Iceberg has, with their marks; return how many.

    They are reopened: lines that were stored without them are deleted by the next run, whose account may do so.
    """
    if not catalog.table_exists(FORGOTTEN):
        return 0
    known = {request.id for request in store.forget_requests()}
    table = open_table(catalog, FORGOTTEN)
    rows = [row for batch in read_rows(table, ["request_id", "request"], "request is not null") for row in _list(batch)]
    lost = [ForgetRequest.from_document(json.loads(row["request"])) for row in rows if row["request_id"] not in known]
    if not lost:
        return 0
    with store.transaction():
        for batch in read_rows(table, ["request_id", "mark"], "mark is not null"):
            store.add_marks([Mark(row["mark"], row["request_id"]) for row in _list(batch)])
        for request in lost:
            store.save_forget_request(replace(request, finished_at=None))
    return len(lost)


def _list(rows: pa.Table) -> list[dict[str, str]]:
    found: list[dict[str, str]] = rows.to_pylist()
    return found


def ids_to_keep(store: RecordStore, state: TableState) -> int:
    """Return how many lines of the table are not forgotten, counting versions of one document once."""
    origins = {Origin(*names) for names in state.origins()}
    return len({origin.line_id for origin in origins} - is_refused(store, origins))


def delete_what_was_there(catalog: Catalog) -> int:
    """Delete every snapshot but the current ones and every file that these do not need; return the bytes freed."""
    tables = [open_table(catalog, name) for name in (CONVERSATIONS, DEAD_LETTERS, TRANSCRIPT_FILES)]
    return sum(delete_history(table) + sum(delete_orphans(table, timedelta(0))) for table in tables)
