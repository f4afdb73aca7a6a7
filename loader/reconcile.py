"""Finds the lines that one of the two copies lacks, in both directions, by ranges of the moment of ingestion.

Counts of a range are compared first and ids only if they differ, so that no id of a matching range is read. A
strict comparison compares ids everywhere.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from common.chunks import chunks
from loader.table_state import TableState
from records import RecordStore, StoredLine
from records.store import EARLIEST, EPOCH, LATEST

LEAF_LINES = 20_000
"""A range with at most this many lines is compared by ids."""
IDS_PER_READ = 500
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Range:
    """Lines ingested after one moment and up to another; None for those without a moment."""

    after: datetime | None
    up_to: datetime | None

    @property
    def where(self) -> str:
        """The range as a filter of the Iceberg table."""
        if self.after is None or self.up_to is None:
            return "ingested_at is null"
        return f"ingested_at > '{self.after.isoformat()}' and ingested_at <= '{self.up_to.isoformat()}'"


UNDATED = Range(None, None)


class Comparison:
    """One comparison of a record store with the Iceberg table."""

    def __init__(self, store: RecordStore, state: TableState, *, strict: bool = False) -> None:
        self._store, self._state, self._strict = store, state, strict
        self._stamps = state.stamps()

    def ranges(self) -> Iterator[Range]:
        """Yield the ranges whose ids are worth comparing."""
        edges = [EARLIEST, *self._extent(), LATEST]
        for after, up_to in pairwise(edges):
            yield from self._differing(after, up_to)
        yield UNDATED

    def _extent(self) -> list[datetime]:
        """Return the table's first moment, less one millisecond, and its last."""
        if not self._stamps:
            return []
        return [_moment(self._stamps[0] - 1), _moment(self._stamps[-1])]

    def _differing(self, after: datetime, up_to: datetime) -> Iterator[Range]:
        if after >= up_to:
            return
        theirs, ours = self._store.count_between(after, up_to), self._count(after, up_to)
        if theirs == ours and not (self._strict and theirs):
            return
        if max(theirs, ours) <= LEAF_LINES or up_to - after <= _MILLISECOND:
            yield Range(after, up_to)
            return
        middle = after + (up_to - after) // 2 // _MILLISECOND * _MILLISECOND
        yield from self._differing(after, middle)
        yield from self._differing(middle, up_to)

    def _count(self, after: datetime, up_to: datetime) -> int:
        return bisect_right(self._stamps, _stamp(up_to)) - bisect_right(self._stamps, _stamp(after))


@dataclass(frozen=True)
class Differences:
    """The differences in one range: ids that only one copy has, and ids that the table has repeatedly."""

    within: Range
    only_in_store: list[str]
    only_in_table: set[str]
    repeated: set[str]


def differences(store: RecordStore, state: TableState, within: Range) -> Differences:
    """Compare the ids of one range."""
    ours = Counter(state.ids(within.where))
    theirs = set(_store_ids(store, within))
    return Differences(
        within,
        only_in_store=[line_id for line_id in theirs if line_id not in ours],
        only_in_table=ours.keys() - theirs,
        repeated={line_id for line_id, rows in ours.items() if rows > 1},
    )


def read_lines(store: RecordStore, line_ids: list[str]) -> Iterator[StoredLine]:
    """Yield these lines of the store, a few per query."""
    for some in chunks(line_ids, IDS_PER_READ):
        yield from store.read_lines(some)


def restore(store: RecordStore, state: TableState, found: Differences) -> tuple[int, set[str]]:
    """Restore the lines that only the table has to the store.

    Returns how many, and the ids that the store has under another moment: newer versions of a document.
    """
    restored = 0
    if found.only_in_table:
        for lines in state.lines(found.within.where, found.only_in_table):
            restored += store.restore_lines(lines)
    return restored, set() if restored == len(found.only_in_table) else found.only_in_table


def _store_ids(store: RecordStore, within: Range) -> Iterator[str]:
    if within.after is None or within.up_to is None:
        return store.undated_ids()
    return store.ids_between(within.after, within.up_to)


def _stamp(moment: datetime) -> int:
    return (moment - EPOCH) // _MILLISECOND


def _moment(stamp: int) -> datetime:
    return EPOCH + stamp * _MILLISECOND
