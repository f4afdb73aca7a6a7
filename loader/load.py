"""Iceberg to `raw` in the work database: only new documents, one row per content block, in portions of bounded size.

Every document in Iceberg has `extracted_at`, which never decreases. A load reads documents above the highest value it
has loaded, oldest first, and records the new one in the transaction that adds a portion's rows: after a kill the next
load continues from there. Compaction does not change that column, so no document is loaded again; a document that is
extracted again replaces its rows.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import duckdb
import pyarrow.compute as pc
from pyiceberg.catalog import Catalog
from pyiceberg.conversions import from_bytes
from pyiceberg.expressions import BooleanExpression
from pyiceberg.table import ALWAYS_TRUE, FileScanTask, Table
from pyiceberg.types import NestedField, PrimitiveType, TimestamptzType

from common.catalog import CONVERSATIONS, DEAD_LETTERS, TRANSCRIPT_FILES, open_table
from common.duckdb_files import DuckDBLimits, open_work_database
from common.loader_results import LoadResult
from common.settings import Settings
from loader.flatten_line import Source
from loader.raw_rows import RawRows
from loader.raw_schema import begin_again, take_over
from loader.read import read_rows, read_tasks, use_frugal_pool
from loader.table_state import total_rows

Progress = Callable[[int, int | None], None]
Filter: TypeAlias = str | BooleanExpression

PORTION_BYTES = 12 * 1024 * 1024
"""Compressed size of the files of one transaction, which DuckDB holds in memory until it commits."""
PORTION_LINES = 100_000
"""Lines after which a transaction ends, even if its files are smaller: tiny lines compress well."""
DUCKDB_SHARE = 0.75
"""DuckDB's share of the memory limit here: documents in Python need the rest."""
SHOWN_CHARACTERS = 2_000
"""How much of a rejected line raw has."""


def load(
    catalog: Catalog,
    work_database: Path,
    *,
    settings: Settings,
    full_refresh: bool = False,
    progress: Progress | None = None,
) -> LoadResult:
    """Update `raw` in the work database from the Iceberg tables; return what was added.

    With full_refresh, or if the Iceberg table was replaced or rewritten since the last load, the database is
    recreated as a new file, without a byte of the old one.
    The caller holds the pipeline lock. Raises duckdb.IOException if another process has the database open.
    """
    started = time.monotonic()
    use_frugal_pool()
    work_database.parent.mkdir(parents=True, exist_ok=True)
    table = open_table(catalog, CONVERSATIONS)
    result = _load(catalog, table, work_database, settings, full_refresh, progress)
    if result is None:
        begin_again(work_database)
        result = _load(catalog, table, work_database, settings, True, progress)
    assert result is not None  # a new database has no row
    return result.model_copy(update={"seconds": time.monotonic() - started})


@contextmanager
def _opened(work_database: Path, settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    with closing(open_work_database(work_database, DuckDBLimits.of(settings))) as connection:
        _leave_room(connection)
        take_over(connection)
        yield connection


def _leave_room(connection: duckdb.DuckDBPyConnection) -> None:
    row = connection.execute("select current_setting('memory_limit')").fetchone()
    assert row is not None  # a setting always has a value: `488.2 MiB`
    number, unit = row[0].split()
    connection.execute(f"set memory_limit = '{float(number) * DUCKDB_SHARE:.1f} {unit}'")


def _load(
    catalog: Catalog,
    table: Table,
    work_database: Path,
    settings: Settings,
    full_refresh: bool,
    progress: Progress | None,
) -> LoadResult | None:
    """Load new documents; return None, and do nothing, if the database has rows and none of them would be kept."""
    with _opened(work_database, settings) as connection:
        run = _Load(connection, table, settings.tool_output_limit, progress)
        plan = run.plan(full_refresh)
        if plan.full and not run.rows.was_empty:
            return None
        result = run.run(catalog, plan)
        connection.execute("checkpoint")
    return result


class _Plan(NamedTuple):
    """The plan of a load: everything or new documents only, which files and how many lines."""

    full: bool
    loaded_up_to: datetime | None
    row_filter: Filter
    tasks: list[FileScanTask]
    total: int


class _Load:
    """One load: a transaction and a numbered row of raw.loads for each portion."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, table: Table, tool_output_limit: int, progress: Progress | None
    ) -> None:
        self.connection = connection
        self.table, self.table_uuid = table, str(table.metadata.table_uuid)
        self.load_id, last_table = self._last_load()
        self.is_another_table = last_table != self.table_uuid
        self.rows = RawRows(connection, tool_output_limit)
        self.progress = progress or (lambda done, total: None)
        self.documents_total, self.rows_total = 0, 0

    def plan(self, full_refresh: bool) -> "_Plan":
        full = full_refresh or self.is_another_table
        loaded_up_to = None if full else self._loaded_up_to()
        row_filter = f"extracted_at > '{loaded_up_to.isoformat()}'" if loaded_up_to else ALWAYS_TRUE
        tasks = list(self.table.scan(row_filter=row_filter).plan_files())
        total = sum(task.file.record_count for task in tasks)
        is_written_again = total > 0 and total == total_rows(self.table)
        is_emptied = total_rows(self.table) == 0 and not self.rows.was_empty  # all of its documents were forgotten
        return _Plan(full or is_written_again or is_emptied, loaded_up_to, row_filter, tasks, total)

    def run(self, catalog: Catalog, plan: "_Plan") -> LoadResult:
        full, loaded_up_to = plan.full, None if plan.full else plan.loaded_up_to
        first = full
        for portion in [*portions(self.table, plan.tasks), []]:  # the last one has only the side tables
            with self._transaction():
                if first:
                    self._forget_all()
                loaded_up_to = self._add(portion, plan.row_filter, loaded_up_to, plan.total)
                if not portion:
                    first = self._replace_side_tables(catalog) or first
                if portion or first:
                    self._record(loaded_up_to)
            first = False
        count = self._scalar("select count(*) from raw.conversations")
        return LoadResult(
            documents=self.documents_total,
            rows=self.rows_total,
            total_rows=count,
            load_id=self.load_id,
            full=full,
            seconds=0,
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self.connection.begin()
        self._documents, self._rows = 0, 0
        try:
            yield
            self.connection.commit()
        except BaseException:
            self.connection.rollback()
            raise
        self.documents_total += self._documents
        self.rows_total += self._rows

    def _forget_all(self) -> None:
        """Start from scratch; earlier loads of this table no longer count as progress."""
        self.rows.clear()
        self.connection.execute("update raw.loads set extracted_up_to = null")

    def _record(self, extracted_up_to: datetime | None) -> None:
        self.load_id += 1
        snapshot = self.table.current_snapshot()
        self.connection.execute(
            "insert into raw.loads values (?, now(), ?, ?, ?, ?, ?)",
            [
                self.load_id,
                self._documents,
                self._rows,
                snapshot.snapshot_id if snapshot else None,
                extracted_up_to,
                self.table_uuid,
            ],
        )

    def _scalar(self, sql: str, parameters: list[Any] | None = None) -> Any:
        row = self.connection.execute(sql, parameters or []).fetchone()
        assert row is not None  # every query here aggregates
        return row[0]

    def _last_load(self) -> tuple[int, str | None]:
        """Return the latest load's number and its table's uuid; 0 and None before the first."""
        newest = self.connection.execute(
            "select load_id, table_uuid from raw.loads order by load_id desc limit 1"
        ).fetchone()
        return newest or (0, None)

    def _loaded_up_to(self) -> datetime | None:
        """Return how far this table was loaded; None if it was empty so far."""
        moment: datetime | None = self._scalar(
            "select max(extracted_up_to) from raw.loads where table_uuid = ?", [self.table_uuid]
        )
        return moment

    def _add(
        self,
        portion: list[FileScanTask],
        row_filter: Filter,
        loaded_up_to: datetime | None,
        total: int,
    ) -> datetime | None:
        """Add the rows of these files; return their highest `extracted_at`."""
        scan = self.table.scan(row_filter=row_filter)
        for batch in read_tasks(self.table, portion, self._columns(), scan.row_filter):
            self._rows += self.rows.add(batch, self.load_id + 1)
            self._documents += batch.num_rows
            newest = pc.max(batch["extracted_at"]).as_py()
            loaded_up_to = newest if loaded_up_to is None else max(loaded_up_to, newest)
            self.progress(self.documents_total + self._documents, total)
        return loaded_up_to

    def _columns(self) -> list[str]:
        """Return the columns that a load reads, without those that an older table lacks."""
        there = set(self.table.schema().column_names)
        return [name for name in (*Source._fields, "document") if name in there]

    def _shared_columns(self, name: str, table: Table) -> list[str]:
        """Return the columns that both the Iceberg table and the table of the same name in raw have."""
        there = set(table.schema().column_names)
        columns = self.connection.execute(f"from {name} limit 0").description or []
        return [column[0] for column in columns if column[0] in there]

    def _replace_side_tables(self, catalog: Catalog) -> bool:
        """Copy rejected lines and file states if their snapshot has changed; return whether a table was copied."""
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
            self._copy(name, table)
            self.connection.execute("delete from raw.side_tables where table_name = ?", [name])
            self.connection.execute("insert into raw.side_tables values (?, ?)", [name, snapshot_id])
            changed = True
        return changed

    def _copy(self, name: str, table: Table) -> None:
        """Copy a side table; of a rejected line only its first characters, the rest is in Iceberg."""
        columns = self._shared_columns(name, table)
        cut = f"replace (left(line, {SHOWN_CHARACTERS}) as line)" if "line" in columns else ""
        self.connection.execute(f"delete from {name}")
        for rows in read_rows(table, columns):
            self.connection.execute(f"insert into {name} by name select * {cut} from rows")
            del rows


def portions(table: Table, tasks: list[FileScanTask]) -> Iterator[list[FileScanTask]]:
    """Yield the files in portions, oldest first, so that all rows of a portion are older than all rows of the next."""
    field = table.schema().find_field("extracted_at")
    spans = sorted(((_bounds(task, field), task) for task in tasks), key=lambda span: span[0])
    portion: list[FileScanTask] = []
    newest, size, lines = 0, 0, 0
    for (oldest, youngest), task in spans:
        if (size >= PORTION_BYTES or lines >= PORTION_LINES) and oldest > newest:
            yield portion
            portion, size, lines = [], 0, 0
        portion.append(task)
        newest, size = max(newest, youngest), size + task.file.file_size_in_bytes
        lines += task.file.record_count
    if portion:
        yield portion


def _bounds(task: FileScanTask, field: NestedField) -> tuple[int, int]:
    """Return the file's oldest and newest `extracted_at` in microseconds; without statistics, the widest range."""
    lower, upper = (bounds.get(field.field_id) for bounds in (task.file.lower_bounds, task.file.upper_bounds))
    if lower is None or upper is None:
        return 0, sys.maxsize
    kind: PrimitiveType = TimestamptzType()
    return int(from_bytes(kind, lower)), int(from_bytes(kind, upper))
