"""The record store to the Iceberg table raw.conversations: every line once, in bounded memory.

The watermark is a moment W: lines ingested up to W are in the table. It is stored in the summary of the snapshot that
has the rows. One extract makes two passes, each bounded at both ends:

1. lines above W, in the order of their moments, without those that the table has already;
2. if the two copies then have different counts, the ranges whose counts differ, in both directions:
   late lines and lines without a date are added to the table, lines that the record store has lost are restored.

So an `ingestedAt` that many lines share, that is in the future, or that is missing neither loses nor doubles a line,
and either copy may be lost or replaced by an older one.

Secrets are masked on the way. A table whose rows were masked differently, or not at all, or written before something
was forgotten, is rewritten from the record store, and files that only its earlier snapshots need are deleted.
"""

import time
from collections.abc import Callable, Iterator
from datetime import datetime

import structlog
from pyiceberg.catalog import Catalog

from common.catalog import CONVERSATIONS, DEAD_LETTERS, open_table
from common.chunks import chunks
from common.errors import AnalyticsError
from common.loader_results import ExtractResult
from common.masking import Masker
from loader.damaged_files import let_go_of_damaged
from loader.forgotten import (
    copy_forgotten,
    delete_what_was_there,
    has_open_requests,
    ids_to_keep,
    label_of_forgotten,
    restore_forgotten,
)
from loader.reconcile import Comparison, differences, read_lines, restore
from loader.side_tables import copy_side_tables, replace_rejected, restore_side_tables
from loader.table_maintenance import delete_history
from loader.table_state import FewerLinesError, TableState
from records import RecordStore, StoredLine, StoreError
from records.store import EARLIEST
from records.sweep import all_lines, sweep

log = structlog.get_logger()

Progress = Callable[[int, int | None], None]

BATCH_BYTES = 32 * 1024 * 1024
"""Size of the lines in one Iceberg commit."""
_LINE_BYTES = 512
"""A line's memory besides its content: its ids and its place."""


class RefillError(AnalyticsError):
    """A copy has lines that cannot be added to the other."""


def extract(
    store: RecordStore,
    catalog: Catalog,
    *,
    masker: Masker | None = None,
    full_refresh: bool = False,
    progress: Progress | None = None,
) -> ExtractResult:
    """Add new lines to the Iceberg table, and restore lines that the record store has lost.

    full_refresh compares every id in both directions, then rebuilds the table in one commit. One extract at a time: the
    caller holds the pipeline lock, and a second writer's commit is refused by the catalog (pyiceberg's
    CommitFailedException) rather than doubled.

    Raises RefillError if a rebuilt table would have fewer rows than before, and DamagedTableError if data files are
    damaged and the record store does not have their lines; the table is unchanged then.
    """
    started = time.monotonic()
    let_go_of_damaged(store, catalog)
    restore_what_is_forgotten(store, catalog)
    run = _Extract(store, catalog, progress or (lambda done, total: None), masker)
    holds_forgotten = run.state.is_forgotten_otherwise or has_open_requests(store)
    if full_refresh:
        run.rebuild()
    elif run.state.is_forgotten_otherwise:
        run.forget()
    elif not (run.state.is_masked_otherwise and run.mask_again()):
        run.take_new()
        run.compare_if_counts_differ()
    run.tell_of_restored()
    restore_side_tables(store, catalog, lost=run.restored > 0)
    copy_side_tables(store, catalog, masker)
    copy_forgotten(store, catalog)
    if holds_forgotten:
        log.info("extract.forgotten", bytes_freed=delete_what_was_there(catalog))
    return ExtractResult(
        documents=run.done,
        late_documents=run.late,
        restored_documents=run.restored,
        total_documents=run.state.total,
        snapshot_id=run.state.snapshot_id,
        watermark=run.state.watermark,
        seconds=time.monotonic() - started,
    )


def refill(store: RecordStore, catalog: Catalog) -> int:
    """Restore the record store's lost lines from Iceberg, so that no file is read twice.

    Returns how many lines were restored. Costs two counts if nothing was lost.
    """
    restore_what_is_forgotten(store, catalog)
    run = _Extract(store, catalog, lambda done, total: None)
    if store.count() < run.state.total + min(0, run.state.unmatched):
        run.restore_lost(strict=False)
    run.tell_of_restored()
    restore_side_tables(store, catalog, lost=run.restored > 0)
    return run.restored


def restore_what_is_forgotten(store: RecordStore, catalog: Catalog) -> None:
    """Restore lost requests to forget to the record store, and delete lines that were stored without them."""
    if restored := restore_forgotten(store, catalog):
        log.info("extract.requests_restored", requests=restored)
        try:
            sweep(store)
        except StoreError as error:  # the appliance's loader account may not delete: the next run's vault does
            log.warning("extract.left_to_the_vault", reason=str(error))


def _size(line: StoredLine) -> int:
    return len(line.content) + _LINE_BYTES


class _Extract:
    """One extract over one record store and one table."""

    def __init__(self, store: RecordStore, catalog: Catalog, progress: Progress, masker: Masker | None = None) -> None:
        self.store, self.catalog, self.masker = store, catalog, masker
        self.state = TableState(open_table(catalog, CONVERSATIONS), masker, label_of_forgotten(store))
        self.progress = progress
        self.done = 0
        self.late = 0
        self.restored = 0
        self._pending: list[StoredLine] = []
        self._pending_bytes = 0

    def take_new(self) -> None:
        """Pass 1. A batch's watermark is the moment before its last line's: other lines may share that one."""
        settled = self.store.settled()
        newest = complete = self.state.watermark or EARLIEST
        known = self.state.moments_after(self.state.watermark)
        expected = max(0, self.store.count() - self.state.total)
        for line in self.store.read_after(newest):
            if line.ingested_at and line.ingested_at > newest:
                newest, complete = line.ingested_at, newest
            if line.line_id not in known:
                self._add(line, min(complete, settled), expected)
        # Not up to now: a document that is stamped again later must not be behind the watermark.
        self._flush(min(newest, settled), expected)

    def compare_if_counts_differ(self) -> None:
        """Pass 2."""
        if self.store.count() - self.state.total == self.state.unmatched:
            return
        before, repeated = self.done, 0
        for within in Comparison(self.store, self.state).ranges():
            found = differences(self.store, self.state, within)
            for line in read_lines(self.store, found.only_in_store):
                self._add(line, self.state.watermark, None)
            self._flush(self.state.watermark, None)
            restored, versions = restore(self.store, self.state, found)
            self.restored += restored
            repeated += self.state.remove_older(versions | found.repeated)
        # A count that still differs is the database's estimate, or due to forgotten lines.
        self.state.accept_difference(self.store.count() - self.state.total)
        self.late = self.done - before
        log.info("extract.copies_compared", late=self.late, restored=self.restored, repeated=repeated)

    def restore_lost(self, *, strict: bool) -> None:
        """Restore to the record store the lines that only the table has."""
        for within in Comparison(self.store, self.state, strict=strict).ranges():
            restored, _ = restore(self.store, self.state, differences(self.store, self.state, within))
            self.restored += restored

    def tell_of_restored(self) -> None:
        """Log that the secrets in lines restored from a masked table stay masked."""
        if self.restored and self.state.is_masked:
            log.warning("extract.restored_with_masks", lines=self.restored, reason="Iceberg holds their secrets masked")

    def rebuild(self) -> None:
        """Rewrite the table from the record store, after restoring every line that only the table has."""
        if self.state.total:
            self.restore_lost(strict=True)
        before, settled = ids_to_keep(self.store, self.state), self.store.settled()
        batches = chunks(all_lines(self.store), BATCH_BYTES, weight=_size)
        try:
            self.done = self.state.replace(self._counted(batches), settled, fewest=before)
        except FewerLinesError as error:
            raise RefillError(
                f"{error.missing} of {before} lines in Iceberg are missing from {self.store.name} and could not be put "
                "back; nothing was changed: restore it from a backup, or run without --full-refresh"
            ) from None

    def forget(self) -> None:
        """Rewrite both tables without forgotten lines, after restoring the record store's lost lines."""
        replace_rejected(self.store, self.catalog, self.masker)
        self.rebuild()

    def mask_again(self) -> bool:
        """Rewrite both tables with the current masking; warn and return False if the record store lacks lines."""
        replace_rejected(self.store, self.catalog, self.masker)
        try:
            self.rebuild()
        except RefillError as error:
            log.warning("extract.not_masked_again", reason=str(error))
            return False
        freed = sum(delete_history(open_table(self.catalog, name)) for name in (CONVERSATIONS, DEAD_LETTERS))
        log.info("extract.masked_again", lines=self.done, bytes_freed=freed)
        return True

    def _counted(self, batches: Iterator[list[StoredLine]]) -> Iterator[list[StoredLine]]:
        done, expected = 0, self.store.count()
        for batch in batches:
            yield batch
            done += len(batch)
            self.progress(done, expected)

    def _add(self, line: StoredLine, watermark: datetime | None, expected: int | None) -> None:
        if self._pending_bytes + _size(line) > BATCH_BYTES:
            self._flush(watermark, expected)
        self._pending.append(line)
        self._pending_bytes += _size(line)
        if len(self._pending) % 1_000 == 0:
            self._report(expected)

    def _flush(self, watermark: datetime | None, expected: int | None) -> None:
        """Commit the waiting lines with the watermark that they justify."""
        self.done += self.state.append(self._pending, watermark)
        self._pending, self._pending_bytes = [], 0
        self._report(expected)

    def _report(self, expected: int | None) -> None:
        self.progress(self.done + len(self._pending), expected)
