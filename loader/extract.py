"""MongoDB to the Iceberg table raw.conversations: every document once, in bounded memory.

The watermark is a moment W: what was ingested up to W is in the table. It stands in the summary of the snapshot that
holds the rows. One extract takes two looks, each bounded at both ends:

1. above W, window by window; documents that the table holds already are left out;
2. if the two stores then disagree on how many documents there are, at every hour whose counts differ: documents that
   came late, from a clock that was behind, or without a date at all. The last hours first, all of them if need be.

So an `ingestedAt` that many documents share, that lies in the future, or that is missing loses and doubles nothing.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from pyiceberg.catalog import Catalog
from pymongo.database import Database

from common.catalog import CONVERSATIONS, open_table
from common.loader_results import ExtractResult
from loader.iceberg_rows import CODEC, EARLIEST, LATEST, Row, decode_batch, document_id
from loader.side_tables import copy_side_tables
from loader.table_state import TableState

log = structlog.get_logger()

Progress = Callable[[int, int | None], None]
Counts = Counter[datetime | None]

BATCH_BYTES = 48 * 1024 * 1024
"""Characters of documents in one Iceberg commit."""
WINDOW_DOCUMENTS = 2_000
"""Documents that one query of the first look asks for at the least."""
IDS_PER_QUERY = 1_000
SETTLED = timedelta(seconds=10)
"""A moment younger than this may still get documents from a writer at work: the watermark stays behind it."""
RECENT = timedelta(hours=3)


def between(**bounds: datetime) -> dict[str, Any]:
    """Documents whose ingestedAt lies within these bounds, by its index; also arrays that hold such a date.

    Who reads drops those: a condition that does would be looked at for each document of the collection.
    """
    return {"ingestedAt": {f"${name}": moment for name, moment in bounds.items()}}


IS_DATED = {
    "$and": [
        {"$eq": [{"$type": "$ingestedAt"}, "date"]},
        {"$gte": ["$ingestedAt", EARLIEST]},
        {"$lte": ["$ingestedAt", LATEST]},
    ]
}
UNDATED = {"$nor": [{"ingestedAt": {"$gte": EARLIEST, "$lte": LATEST, "$not": {"$type": "array"}}}]}


def extract(
    database: Database[Any], catalog: Catalog, *, full_refresh: bool = False, progress: Progress | None = None
) -> ExtractResult:
    """Append what MongoDB has and Iceberg has not; returns how much that was.

    full_refresh empties the Iceberg table first. One extract at a time: the caller holds the pipeline lock, and a
    second writer's commit is refused by the catalog (pyiceberg's CommitFailedException) rather than doubled.
    """
    started = time.monotonic()
    run = _Extract(database.with_options(codec_options=CODEC), catalog, progress or (lambda done, total: None))
    if full_refresh:
        run.state.clear()
    run.take_new()
    run.take_missing()
    copy_side_tables(database, catalog)
    return ExtractResult(
        documents=run.done,
        late_documents=run.late,
        total_documents=run.state.total,
        snapshot_id=run.state.snapshot_id,
        watermark=run.state.watermark,
        seconds=time.monotonic() - started,
    )


class _Extract:
    """One extract: the two looks over one collection and one table."""

    def __init__(self, database: Database[Any], catalog: Catalog, progress: Progress) -> None:
        self.database = database
        self.collection = database["conversations"]
        self.state = TableState(open_table(catalog, CONVERSATIONS))
        self.progress = progress
        self.done = 0
        self.late = 0
        self._pending: list[Row] = []
        self._pending_bytes = 0

    def take_new(self) -> None:
        """Look 1. A batch that ends inside a window leaves the watermark at the window's start."""
        settled = datetime.now(UTC) - SETTLED
        known = self.state.moments_after(self.state.watermark)
        windows = list(self._windows(self.state.watermark))
        expected = sum(count for _, _, count in windows) - len(known)
        for low, high, count in windows:
            if sum(1 for moment in known.values() if low < moment <= high) < count:
                for row in self._rows(between(gt=low, lte=high)):
                    if row["ingested_at"] is not None and row["document_id"] not in known:
                        self._add(row, min(low, settled), expected)
            self._flush(min(high, settled), expected, at_least=BATCH_BYTES // 2)
        if windows:
            self._flush(min(windows[-1][1], settled), expected)

    def _windows(self, watermark: datetime | None) -> Iterator[tuple[datetime, datetime, int]]:
        """(low, high, documents) above the watermark: low exclusive, high inclusive, enough documents in each."""
        low, count = watermark or EARLIEST, 0
        seconds = self._counts("second", between(gt=low, lte=LATEST))
        moments = sorted(moment for moment in seconds if moment is not None)
        for moment in moments:
            count += seconds[moment]
            if count >= WINDOW_DOCUMENTS or moment == moments[-1]:
                high = moment + timedelta(milliseconds=999)
                yield low, high, count
                low, count = high, 0

    def take_missing(self) -> None:
        """Look 2: the hours whose counts differ, if the totals do."""
        if self._difference() == self.state.unmatched:
            return
        before = self.done
        if self.state.watermark:
            self._compare_hours(self.state.watermark - RECENT)
        if self._difference() != self.state.unmatched:
            self._compare_hours(None)
            repeated = self.state.remove_repeated()
            # More documents there than here would hide what is missing; fewer were deleted there and stay kept here.
            self.state.accept_difference(min(0, self._difference()))
            log.info("extract.counts_differed", repeated=repeated, unmatched=self.state.unmatched)
        self.late = self.done - before

    def _difference(self) -> int:
        return self.collection.estimated_document_count() - self.state.total

    def _compare_hours(self, since: datetime | None) -> None:
        match = between(gte=since, lte=LATEST) if since else {}
        theirs, ours = self._counts("hour", match), self.state.documents_per_hour(since)
        if since:
            del theirs[None]
        for hour in sorted({*theirs, *ours}, key=lambda moment: moment or EARLIEST):
            if theirs[hour] == ours[hour]:
                continue
            known = self.state.ids_in_hour(hour)
            in_hour = between(gte=hour, lt=hour + timedelta(hours=1)) if hour else UNDATED
            found = self.collection.find(in_hour, {"ingestedAt": 1})
            ids = [each["_id"] for each in found if hour is None or isinstance(each["ingestedAt"], datetime)]
            missing = [each for each in ids if document_id(each) not in known]
            for start in range(0, len(missing), IDS_PER_QUERY):
                for row in self._rows({"_id": {"$in": missing[start : start + IDS_PER_QUERY]}}):
                    self._add(row, self.state.watermark, None)
            self._flush(self.state.watermark, None)

    def _counts(self, unit: str, match: dict[str, Any]) -> Counts:
        """How many documents were ingested in each second or hour; None for those without a usable date."""
        # What is no date, or none that we can hold, would make $dateTrunc fail.
        moment = {"$cond": [IS_DATED, {"$dateTrunc": {"date": "$ingestedAt", "unit": unit}}, None]}
        pipeline = [{"$match": match}, {"$group": {"_id": moment, "documents": {"$sum": 1}}}]
        return Counter({group["_id"]: group["documents"] for group in self.collection.aggregate(pipeline)})

    def _rows(self, match: dict[str, Any]) -> Iterator[Row]:
        for batch in self.collection.find_raw_batches(match, batch_size=1_000):
            yield from decode_batch(batch, self.database)

    def _add(self, row: Row, watermark: datetime | None, expected: int | None) -> None:
        self._pending.append(row)
        self._pending_bytes += len(row["document"])
        self._flush(watermark, expected, at_least=BATCH_BYTES)
        if len(self._pending) % 1_000 == 0:
            self._report(expected)

    def _flush(self, watermark: datetime | None, expected: int | None, at_least: int = 0) -> None:
        """Commit what waits, if it is that much, with the watermark that is true once it is in."""
        if self._pending_bytes < at_least:
            return
        self.done += self.state.append(self._pending, watermark)
        self._pending, self._pending_bytes = [], 0
        self._report(expected)

    def _report(self, expected: int | None) -> None:
        self.progress(self.done + len(self._pending), expected)
