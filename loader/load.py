"""Iceberg to `raw` in the work database: only what is new, one row per content block, all in one transaction.

Every document in Iceberg carries `extracted_at`, which never falls. A load reads what is above the highest value it has
loaded, and records the new one in the transaction that adds the rows. Compaction rewrites files but not that column,
so it brings nothing back; a document that comes again replaces its rows.
"""

import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.compute as pc
from pyiceberg.catalog import Catalog
from pyiceberg.table import Table

from common.catalog import CONVERSATIONS, DEAD_LETTERS, TRANSCRIPT_FILES, open_table
from common.duckdb_files import DuckDBLimits, open_work_database
from common.loader_results import LoadResult
from common.settings import Settings
from loader.flatten_line import Source
from loader.raw_rows import RawRows
from loader.raw_schema import take_over
from loader.read import read_rows

Progress = Callable[[int, int | None], None]


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
    with closing(open_work_database(work_database, DuckDBLimits.of(settings))) as connection:
        take_over(connection)
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
        self.table, self.table_uuid = table, str(table.metadata.table_uuid)
        self.tool_output_limit = tool_output_limit
        self.progress = progress or (lambda done, total: None)

    def run(self, catalog: Catalog, full_refresh: bool) -> LoadResult:
        last_id, last_table = self._last_load()
        load_id = last_id + 1
        self.rows = RawRows(self.connection, load_id, self.tool_output_limit)
        full = full_refresh or last_table != self.table_uuid
        if full:
            self.rows.clear()
        loaded_up_to = None if full else self._loaded_up_to()
        documents, rows, extracted_up_to = self._add(loaded_up_to)
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
                    self.table_uuid,
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

    def _last_load(self) -> tuple[int, str | None]:
        """The newest load's number, and the uuid of the table that it read; 0 and None before the first."""
        newest = self.connection.execute(
            "select load_id, table_uuid from raw.loads order by load_id desc limit 1"
        ).fetchone()
        return newest or (0, None)

    def _loaded_up_to(self) -> datetime | None:
        """How far this very table was loaded; None for one that was empty so far."""
        moment: datetime | None = self._scalar(
            "select max(extracted_up_to) from raw.loads where table_uuid = ?", [self.table_uuid]
        )
        return moment

    def _add(self, loaded_up_to: datetime | None) -> tuple[int, int, datetime | None]:
        row_filter = f"extracted_at > '{loaded_up_to.isoformat()}'" if loaded_up_to else "true"
        files = [task.file for task in self.table.scan(row_filter=row_filter).plan_files()]
        total = sum(file.record_count for file in files)
        documents, rows, newest = 0, 0, loaded_up_to
        for batch in read_rows(self.table, self._columns(), row_filter):
            rows += self.rows.add(batch)
            documents += batch.num_rows
            batch_newest = pc.max(batch["extracted_at"]).as_py()
            newest = batch_newest if newest is None else max(newest, batch_newest)
            self.progress(documents, total)
        return documents, rows, newest

    def _columns(self) -> list[str]:
        """Return the columns that a load reads, without those that a table made earlier lacks."""
        there = set(self.table.schema().column_names)
        return [name for name in (*Source._fields, "document") if name in there]

    def _shared_columns(self, name: str, table: Table) -> tuple[str, ...]:
        """Return the columns that both the Iceberg table and the table of the same name in raw have."""
        there = set(table.schema().column_names)
        columns = self.connection.execute(f"from {name} limit 0").description or []
        return tuple(column[0] for column in columns if column[0] in there)

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
            rows = table.scan(selected_fields=self._shared_columns(name, table)).to_arrow()
            self.connection.execute(f"delete from {name}")
            self.connection.execute(f"insert into {name} by name select * from rows")
            del rows
            self.connection.execute("delete from raw.side_tables where table_name = ?", [name])
            self.connection.execute("insert into raw.side_tables values (?, ?)", [name, snapshot_id])
            changed = True
        return changed
