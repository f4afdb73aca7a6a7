"""The Iceberg table raw.conversations, and the extract's progress in its snapshots."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.expressions import And, EqualTo, LessThan, Reference
from pyiceberg.table import ALWAYS_TRUE, Table, Transaction

from common.extract_progress import PREFIX, progress_properties
from common.masking import OFF, Masker
from loader.iceberg_rows import LINE_COLUMNS, lines_of_rows, rows_of_lines
from loader.read import read_rows
from records import StoredLine

WATERMARK = f"{PREFIX}watermark"
EXTRACTED_AT = f"{PREFIX}extracted-at"
UNMATCHED = f"{PREFIX}unmatched"
MASKED = f"{PREFIX}masked"
FORGOTTEN = f"{PREFIX}forgotten"

ALL = "document_id is not null"


class TableState:
    """The table with its progress; every change of either is one commit."""

    def __init__(self, table: Table, masker: Masker | None = None, forgotten: str = "") -> None:
        """`forgotten` is the label of the requests to forget that new rows comply with."""
        self._table = table
        self._masker = masker
        self._forgotten = forgotten
        self._properties = progress_properties(table)
        if not self._properties and self.total:
            # The commits with our keys have expired. Without a watermark every line is compared by its id.
            newest = max(pc.max(rows["extracted_at"]).as_py() for rows in read_rows(table, ["extracted_at"]))
            self._properties = {EXTRACTED_AT: newest.isoformat()}

    @property
    def snapshot_id(self) -> int | None:
        """The current snapshot."""
        snapshot = self._table.current_snapshot()
        return snapshot.snapshot_id if snapshot else None

    @property
    def total(self) -> int:
        """Rows of the table."""
        return total_rows(self._table)

    @property
    def watermark(self) -> datetime | None:
        """The moment up to which everything is in the table; None before the first extract."""
        text = self._properties.get(WATERMARK)
        return datetime.fromisoformat(text) if text else None

    @property
    def unmatched(self) -> int:
        """The last accepted difference of the store's and the table's counts, after every id was compared."""
        return int(self._properties.get(UNMATCHED, "0"))

    @property
    def is_masked(self) -> bool:
        """Whether the rows of the table have their secrets masked."""
        return self._properties.get(MASKED, OFF) != OFF

    @property
    def is_masked_otherwise(self) -> bool:
        """Whether the table has rows that were masked by other detectors, with another key, or not at all."""
        wanted = self._masker.label if self._masker else OFF
        return self.total > 0 and self._properties.get(MASKED, OFF) != wanted

    @property
    def is_forgotten_otherwise(self) -> bool:
        """Whether the table has rows that were written before something was forgotten."""
        return self.total > 0 and self._properties.get(FORGOTTEN, "") != self._forgotten

    def origins(self) -> Iterator[tuple[str, str | None, str | None]]:
        """Yield id, session and file of each row."""
        for rows in read_rows(self._table, ["document_id", "session_id", "source_file"]):
            yield from zip(*(rows[name].to_pylist() for name in rows.column_names), strict=True)

    def moments_after(self, watermark: datetime | None) -> dict[str, datetime]:
        """Return id and moment of ingestion of the lines above the watermark (None: of all)."""
        above = f"ingested_at > '{watermark.isoformat()}'" if watermark else "ingested_at is not null"
        found: dict[str, datetime] = {}
        for rows in read_rows(self._table, ["document_id", "ingested_at"], above):
            found |= zip(rows["document_id"].to_pylist(), rows["ingested_at"].to_pylist(), strict=True)
        return found

    def stamps(self) -> "array[int]":
        """Return the moments of ingestion in milliseconds since 1970, sorted, without undated lines."""
        stamps = array("q")
        for rows in read_rows(self._table, ["ingested_at"], "ingested_at is not null"):
            micros = rows["ingested_at"].cast(pa.timestamp("us", "UTC")).cast(pa.int64())
            stamps.extend(value // 1000 for value in micros.to_pylist())
        return array("q", sorted(stamps))

    def ids(self, where: str) -> Iterator[str]:
        """Yield the ids of the lines that match this filter, including repetitions."""
        for rows in read_rows(self._table, ["document_id"], where):
            yield from rows["document_id"].to_pylist()

    def lines(self, where: str, wanted: set[str]) -> Iterator[list[StoredLine]]:
        """Yield batches of the wanted lines that match this filter."""
        for rows in read_rows(self._table, LINE_COLUMNS, where):
            found = rows.filter(pc.is_in(rows["document_id"], value_set=pa.array(wanted, rows["document_id"].type)))
            if found.num_rows:
                yield list(lines_of_rows(found))

    def append(self, lines: Sequence[StoredLine], watermark: datetime | None) -> int:
        """Append lines with the watermark in the same commit; return how many.

        The watermark never decreases. Without lines, only a higher watermark is committed.
        """
        if not lines and (watermark is None or (self.watermark and watermark <= self.watermark)):
            return 0
        properties = self._next(watermark)
        rows = rows_of_lines(lines, datetime.fromisoformat(properties[EXTRACTED_AT]), self._masker)
        self._table.append(rows, snapshot_properties=properties)
        self._properties = properties
        return len(lines)

    def replace(self, batches: Iterable[Sequence[StoredLine]], watermark: datetime, fewest: int) -> int:
        """Replace every row by these lines in one commit; return how many.

        Raises FewerLinesError, and changes nothing, if they are fewer than `fewest`. A reader sees the old rows until
        the commit, and their snapshot is kept until it expires.
        """
        count = 0
        with self._table.transaction() as transaction:
            if self.total:
                transaction.delete(ALWAYS_TRUE)
            for lines in batches:
                count += self._append_in(transaction, lines, watermark)
            if count < fewest:
                raise FewerLinesError(count, fewest)
        return count

    def _append_in(self, transaction: Transaction, lines: Sequence[StoredLine], watermark: datetime) -> int:
        properties = self._next(watermark) | {UNMATCHED: "0"} | self._labels()
        rows = rows_of_lines(lines, datetime.fromisoformat(properties[EXTRACTED_AT]), self._masker)
        transaction.append(rows, snapshot_properties=properties)
        self._properties = properties
        return len(lines)

    def _labels(self) -> dict[str, str]:
        return {MASKED: self._masker.label if self._masker else OFF, FORGOTTEN: self._forgotten}

    def accept_difference(self, unmatched: int) -> None:
        """Record the difference of the store's and the table's counts after every line was compared."""
        if unmatched != self.unmatched:
            properties = {**self._properties, UNMATCHED: str(unmatched)}
            self._table.append(self._table.schema().as_arrow().empty_table(), snapshot_properties=properties)
            self._properties = properties

    def remove_older(self, line_ids: Iterable[str]) -> int:
        """Keep only the newest row of each of these ids, which another tool stored again; return how many had more."""
        repeated = 0
        for line_id in line_ids:
            same = EqualTo(term=Reference("document_id"), value=line_id)
            rows = self._table.scan(same, selected_fields=("extracted_at", "ingested_at")).to_arrow()
            if rows.num_rows > 1:
                # Two versions in one commit differ by the moment they were ingested at.
                name = "extracted_at" if pc.count_distinct(rows["extracted_at"]).as_py() > 1 else "ingested_at"
                newest = pc.max(rows[name]).as_py()
                older = And(same, LessThan(term=Reference(name), value=newest.isoformat()))
                self._table.delete(older, snapshot_properties=self._properties)
                repeated += 1
        return repeated

    def _next(self, watermark: datetime | None) -> dict[str, str]:
        now, last = datetime.now(UTC), self._properties.get(EXTRACTED_AT)
        if last:
            now = max(now, datetime.fromisoformat(last) + timedelta(microseconds=1))
        properties = {**self._properties, EXTRACTED_AT: now.isoformat()}
        if not self.total:
            properties |= self._labels()
        if watermark is not None:
            properties[WATERMARK] = max(watermark, self.watermark or watermark).isoformat()
        return properties


class FewerLinesError(Exception):
    """A rebuilt table would hold fewer lines than the one that it replaces."""

    def __init__(self, found: int, expected: int) -> None:
        super().__init__(f"expected at least {expected} lines, found {found}")
        self.missing = expected - found


def total_rows(table: Table) -> int:
    """Return the number of rows, from the current snapshot's summary."""
    snapshot = table.current_snapshot()
    if snapshot is None or snapshot.summary is None:
        return 0
    return int(snapshot.summary.additional_properties.get("total-records", "0"))
