"""The Iceberg table raw.conversations and what its snapshots say of the extract's progress.

Progress stands in the summary of the commit that it describes, under keys that start with `claude-analytics.`; a
commit of another kind (compaction) copies them on.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.expressions import And, BooleanExpression, EqualTo, LessThan, Reference
from pyiceberg.table import Table

from loader.iceberg_rows import Row

PREFIX = "claude-analytics."
WATERMARK = f"{PREFIX}watermark"
EXTRACTED_AT = f"{PREFIX}extracted-at"
UNMATCHED = f"{PREFIX}unmatched"

ALL = "true"


def progress_properties(table: Table) -> dict[str, str]:
    """The progress recorded by the newest commit that carries any; empty for a table without."""
    snapshot = table.current_snapshot()
    while snapshot is not None:
        summary = snapshot.summary.additional_properties if snapshot.summary else {}
        found = {key: value for key, value in summary.items() if key.startswith(PREFIX)}
        if found:
            return found
        parent = snapshot.parent_snapshot_id
        snapshot = table.snapshot_by_id(parent) if parent is not None else None
    return {}


class TableState:
    """The table with its progress; every change of either is one commit."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._properties = progress_properties(table)
        if not self._properties and self.total:
            # The commits that carried our keys are gone. Without a watermark every document is compared by id.
            newest = pc.max(self._columns("extracted_at")["extracted_at"]).as_py()
            self._properties = {EXTRACTED_AT: newest.isoformat()}

    @property
    def snapshot_id(self) -> int | None:
        """The current snapshot."""
        snapshot = self._table.current_snapshot()
        return snapshot.snapshot_id if snapshot else None

    @property
    def total(self) -> int:
        """Rows of the table."""
        snapshot = self._table.current_snapshot()
        if snapshot is None or snapshot.summary is None:
            return 0
        return int(snapshot.summary.additional_properties.get("total-records", "0"))

    @property
    def watermark(self) -> datetime | None:
        """Up to here everything is in the table; None before the first extract."""
        text = self._properties.get(WATERMARK)
        return datetime.fromisoformat(text) if text else None

    @property
    def unmatched(self) -> int:
        """MongoDB's count less the table's, as it was accepted last: documents deleted there make it negative."""
        return int(self._properties.get(UNMATCHED, "0"))

    def moments_after(self, watermark: datetime | None) -> dict[str, datetime]:
        """Id and ingested_at of the dated documents above the watermark (None: of all)."""
        above = f"ingested_at > '{watermark.isoformat()}'" if watermark else ALL
        rows = self._columns("document_id", "ingested_at", where=above)
        pairs = zip(rows["document_id"].to_pylist(), rows["ingested_at"].to_pylist(), strict=True)
        return {name: moment for name, moment in pairs if moment is not None}

    def ids_in_hour(self, hour: datetime | None) -> set[str]:
        """The ids of the documents ingested in the hour that starts then; None: of those without a date."""
        where = "ingested_at is null"
        if hour is not None:
            end = hour + timedelta(hours=1)
            where = f"ingested_at >= '{hour.isoformat()}' and ingested_at < '{end.isoformat()}'"
        return set(self._columns("document_id", where=where)["document_id"].to_pylist())

    def documents_per_hour(self, since: datetime | None) -> Counter[datetime | None]:
        """Rows by the hour of ingested_at (since a moment, or all); None for those without a date."""
        where = f"ingested_at >= '{since.isoformat()}'" if since else ALL
        hours = pc.floor_temporal(self._columns("ingested_at", where=where)["ingested_at"], unit="hour")
        return Counter({pair["values"]: pair["counts"] for pair in pc.value_counts(hours).to_pylist()})

    def append(self, rows: list[Row], watermark: datetime | None) -> int:
        """Append rows with the watermark in the same commit; returns how many.

        The watermark never falls. Without rows only a watermark that rises is worth a commit.
        """
        if not rows and (watermark is None or (self.watermark and watermark <= self.watermark)):
            return 0
        properties = self._next(watermark)
        moment = datetime.fromisoformat(properties[EXTRACTED_AT])
        stamped = [{**row, "extracted_at": moment} for row in rows]
        self._commit(pa.Table.from_pylist(stamped, schema=self._table.schema().as_arrow()), properties)
        return len(rows)

    def accept_difference(self, unmatched: int) -> None:
        """Record how MongoDB's count differs from ours now that every hour was compared."""
        if unmatched != self.unmatched:
            properties = {**self._properties, UNMATCHED: str(unmatched)}
            self._commit(self._table.schema().as_arrow().empty_table(), properties)

    def clear(self) -> None:
        """Remove all rows and all progress but the extraction clock, which never falls."""
        kept = {key: value for key, value in self._properties.items() if key == EXTRACTED_AT}
        if self.total:
            self._table.delete(ALL, snapshot_properties=kept)
        self._properties = kept

    def remove_repeated(self) -> int:
        """Keep the newest row of each id: a document written again with a later ingestedAt was extracted twice."""
        counts = pc.value_counts(self._columns("document_id")["document_id"]).to_pylist()
        repeated = [pair["values"] for pair in counts if pair["counts"] > 1]
        for each in repeated:
            same = EqualTo(term=Reference("document_id"), value=each)
            rows = self._columns("extracted_at", "ingested_at", where=same)
            # Two versions in one commit differ by the moment they were ingested at.
            name = "extracted_at" if pc.count_distinct(rows["extracted_at"]).as_py() > 1 else "ingested_at"
            newest = pc.max(rows[name]).as_py()
            older = And(same, LessThan(term=Reference(name), value=newest.isoformat()))
            self._table.delete(older, snapshot_properties=self._properties)
        return len(repeated)

    def _next(self, watermark: datetime | None) -> dict[str, str]:
        now, last = datetime.now(UTC), self._properties.get(EXTRACTED_AT)
        if last:
            now = max(now, datetime.fromisoformat(last) + timedelta(microseconds=1))
        properties = {**self._properties, EXTRACTED_AT: now.isoformat()}
        if watermark is not None:
            properties[WATERMARK] = max(watermark, self.watermark or watermark).isoformat()
        return properties

    def _commit(self, rows: pa.Table, properties: dict[str, str]) -> None:
        self._table.append(rows, snapshot_properties=properties)
        self._properties = properties

    def _columns(self, *names: str, where: str | BooleanExpression = ALL) -> pa.Table:
        return self._table.scan(where, selected_fields=names).to_arrow()
