"""Iceberg to `raw` in the work database: only what is new, one row per content block, all in one transaction.

Every document in Iceberg carries `extracted_at`, which never falls. A load reads what is above the highest value it has
loaded, and records the new one in the transaction that adds the rows. Compaction rewrites files but not that column,
so it brings nothing back; a document that comes again replaces its rows.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.catalog import Catalog
from pyiceberg.table import Table

from lake.catalog import CONVERSATIONS, DEAD_LETTERS, TRANSCRIPT_FILES, open_table
from lake.results import LoadResult
from lake.settings import Settings
from loader.raw_schema import CREATE_RAW, connect

Progress = Callable[[int, int | None], None]

ATTRIBUTES_LIMIT = 16_384
"""Characters up to which a line without blocks is kept whole in raw; longer ones are whole in Iceberg."""

FLATTEN = (Path(__file__).parent / "flatten.sql").read_text(encoding="utf-8")


def load(
    catalog: Catalog,
    work_database: Path,
    *,
    settings: Settings,
    full_refresh: bool = False,
    progress: Progress | None = None,
) -> LoadResult:
    """Bring `raw` in the work database up to the Iceberg tables; returns what was added.

    With full_refresh, or when the Iceberg table is another one than last time, raw is built from nothing.
    The caller holds the pipeline lock. Raises duckdb.IOException when another process has the database open.
    """
    started = time.monotonic()
    work_database.parent.mkdir(parents=True, exist_ok=True)
    table = open_table(catalog, CONVERSATIONS)
    with closing(connect(work_database)) as connection:
        for statement in CREATE_RAW:
            connection.execute(statement)
        connection.begin()
        try:
            result = _Load(connection, table, settings.tool_output_limit, progress).run(catalog, full_refresh)
            connection.commit()
        except BaseException:
            connection.rollback()
            raise
        connection.execute("checkpoint")
    return result.model_copy(update={"seconds": time.monotonic() - started})


class _Load:
    """One load inside one transaction."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, table: Table, tool_output_limit: int, progress: Progress | None
    ) -> None:
        self.connection = connection
        self.table = table
        self.tool_output_limit = tool_output_limit
        self.progress = progress or (lambda done, total: None)

    def run(self, catalog: Catalog, full_refresh: bool) -> LoadResult:
        last_id, loaded_up_to = self._last_load()
        full = full_refresh or last_id == 0
        if full:
            self.connection.execute("delete from raw.conversations")
            loaded_up_to = None
        load_id = last_id + 1
        documents, rows, extracted_up_to = self._add(load_id, loaded_up_to)
        side_tables_changed = self._replace_side_tables(catalog)
        if documents or side_tables_changed or full:
            snapshot = self.table.current_snapshot()
            self.connection.execute(
                "insert into raw.loads values (?, now(), ?, ?, ?, ?, ?)",
                [
                    load_id,
                    documents,
                    rows,
                    snapshot.snapshot_id if snapshot else None,
                    extracted_up_to,
                    str(self.table.metadata.table_uuid),
                ],
            )
        else:
            load_id = last_id
        total = self._scalar("select count(*) from raw.conversations")
        return LoadResult(documents=documents, rows=rows, total_rows=total, load_id=load_id, full=full, seconds=0)

    def _scalar(self, sql: str, parameters: list[Any] | None = None) -> Any:
        row = self.connection.execute(sql, parameters or []).fetchone()
        assert row is not None  # every query of ours here aggregates
        return row[0]

    def _last_load(self) -> tuple[int, datetime | None]:
        """The newest load's number, and how far this very table was loaded (None: not at all)."""
        newest = self._scalar("select coalesce(max(load_id), 0) from raw.loads")
        same_table = str(self.table.metadata.table_uuid)
        changed = self._scalar(
            "select count(*) from raw.loads where load_id = ? and table_uuid <> ?", [newest, same_table]
        )
        if changed:
            self.connection.execute("delete from raw.conversations")
            return newest, None
        return newest, self._scalar("select max(extracted_up_to) from raw.loads where table_uuid = ?", [same_table])

    def _add(self, load_id: int, loaded_up_to: datetime | None) -> tuple[int, int, datetime | None]:
        row_filter = f"extracted_at > '{loaded_up_to.isoformat()}'" if loaded_up_to else "true"
        scan = self.table.scan(row_filter=row_filter)
        total = sum(task.file.record_count for task in scan.plan_files())
        documents, rows, newest = 0, 0, loaded_up_to
        if total == 0:
            return documents, rows, newest
        for batch in _slices(scan.to_arrow_batch_reader()):
            rows += self._add_batch(load_id, batch)
            documents += batch.num_rows
            batch_newest = pc.max(batch["extracted_at"]).as_py()
            newest = batch_newest if newest is None else max(newest, batch_newest)
            self.progress(documents, total)
        return documents, rows, newest

    def _add_batch(self, load_id: int, batch: pa.Table) -> int:
        self.connection.register("incoming_batch", batch)
        try:
            # The newest version of a document wins, within the batch and over what was loaded before.
            self.connection.execute(
                "create or replace temp table incoming as select * from incoming_batch"
                " qualify row_number() over (partition by document_id order by extracted_at desc, ingested_at desc) = 1"
            )
            self.connection.execute(
                "delete from raw.conversations where document_id in (select document_id from incoming)"
            )
            added = self.connection.execute(
                f"insert into raw.conversations by name"
                f" select *, {load_id}::bigint as load_id, now() as loaded_at from ({FLATTEN})",
                {"tool_output_limit": self.tool_output_limit, "attributes_limit": ATTRIBUTES_LIMIT},
            ).fetchone()
        finally:
            self.connection.unregister("incoming_batch")
        return int(added[0]) if added else 0

    def _replace_side_tables(self, catalog: Catalog) -> bool:
        """Copy dead letters and file states whole where their snapshot is another one; True when one was copied."""
        changed = False
        for name in (DEAD_LETTERS, TRANSCRIPT_FILES):
            table = open_table(catalog, name)
            snapshot = table.current_snapshot()
            snapshot_id = snapshot.snapshot_id if snapshot else None
            known = self.connection.execute(
                "select snapshot_id from raw.side_tables where table_name = ?", [name]
            ).fetchone()
            if snapshot_id is None or (known and known[0] == snapshot_id):
                continue
            rows = table.scan().to_arrow()
            self.connection.execute(f"delete from {name}")
            self.connection.execute(f"insert into {name} by name select * from rows")
            del rows
            self.connection.execute("delete from raw.side_tables where table_name = ?", [name])
            self.connection.execute("insert into raw.side_tables values (?, ?)", [name, snapshot_id])
            changed = True
        return changed


def _slices(reader: pa.RecordBatchReader, max_bytes: int = 64 * 1024 * 1024) -> Iterator[pa.Table]:
    """Batches of about max_bytes: small ones put together, so that each delete and insert serves many documents."""
    waiting: list[pa.RecordBatch] = []
    size = 0
    for batch in reader:
        step = max(1, batch.num_rows * max_bytes // max(batch.nbytes, 1))
        for start in range(0, batch.num_rows, step):
            piece = batch.slice(start, step)
            waiting.append(piece)
            size += piece.nbytes
            if size >= max_bytes:
                yield pa.Table.from_batches(waiting, schema=reader.schema)
                waiting, size = [], 0
    if waiting:
        yield pa.Table.from_batches(waiting, schema=reader.schema)
