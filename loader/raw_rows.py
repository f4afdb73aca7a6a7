"""Writes batches of flattened documents to schema raw: only the newest version of each document is kept."""

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from loader.flatten import flatten

TABLES = ("raw.conversations", "raw.rejected_values", "raw.rejected_documents", "raw.masked_secrets")
"""The tables that a document has rows in."""


class SeenDocuments:
    """Distinguishes documents that surely have no rows yet from those that may: a Bloom filter of constant size, 32 MB.

    With a million documents, one new document in twenty thousand is a false positive; that only costs a lookup in the
    tables.
    """

    _BITS = 28

    def __init__(self) -> None:
        self._seen = bytearray(1 << (self._BITS - 3))

    def add(self, names: list[str]) -> list[str]:
        """Mark these documents as seen; return those that may have been seen before."""
        return [name for name in names if self._add(name)]

    def _add(self, name: str) -> bool:
        digest, was_seen = hash(name), True
        for shift in (0, self._BITS):
            position = (digest >> shift) & ((1 << self._BITS) - 1)
            byte, bit = position >> 3, 1 << (position & 7)
            was_seen = was_seen and bool(self._seen[byte] & bit)
            self._seen[byte] |= bit
        return was_seen


class RawRows:
    """The rows of documents in schema raw, during one load."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, tool_output_limit: int) -> None:
        self.connection, self.tool_output_limit = connection, tool_output_limit
        self.was_empty = all(not connection.execute(f"from {name} limit 1").fetchone() for name in TABLES)
        self._seen = SeenDocuments() if self.was_empty else None

    def clear(self) -> None:
        """Delete all documents' rows; documents added later are known to be new."""
        for name in TABLES:
            self.connection.execute(f"delete from {name}")
        self._seen = SeenDocuments()

    def add(self, batch: pa.Table, load_id: int) -> int:
        """Replace the rows of these documents, unless a later version has rows; return the number of new rows."""
        documents = self._without_outdated(newest_versions(batch))
        flattened = flatten(documents, self.tool_output_limit)
        for name, rows in zip(TABLES, flattened, strict=True):
            self._insert(name, rows, load_id)
        return int(flattened.conversations.num_rows)

    def _insert(self, name: str, rows: pa.Table, load_id: int) -> None:
        added = {
            "raw.conversations": f", {load_id}::bigint as load_id, now() as loaded_at",
            "raw.rejected_values": "",
            "raw.rejected_documents": ", now() as rejected_at",
            "raw.masked_secrets": "",
        }[name]
        if rows.num_rows:
            self.connection.execute(f"insert into {name} by name select *{added} from rows")

    def _without_outdated(self, documents: pa.Table) -> pa.Table:
        """Delete the rows that these documents replace; omit the documents that have newer rows."""
        names = documents["document_id"]
        known = names.to_pylist() if self._seen is None else self._seen.add(names.to_pylist())
        if not known:
            return documents
        outdated = self._newer_than(documents, known)
        replaced = pa.table({"document_id": pa.array(set(known) - set(outdated), names.type)})
        for name in TABLES:
            self.connection.execute(f"delete from {name} where document_id in (select document_id from replaced)")
        del replaced
        return documents.filter(pc.invert(pc.is_in(names, value_set=pa.array(outdated, names.type))))

    def _newer_than(self, documents: pa.Table, known: list[str]) -> list[str]:
        """Return which of these documents have rows of a later version."""
        arrived = documents.select(["document_id", "extracted_at"])
        arrived = arrived.filter(pc.is_in(arrived["document_id"], value_set=pa.array(known, pa.string())))
        newer = " union ".join(
            f"select arrived.document_id from arrived join {name} as old"
            " on old.document_id = arrived.document_id and old.extracted_at > arrived.extracted_at"
            for name in ("raw.conversations", "raw.rejected_documents")
        )
        return [name for (name,) in self.connection.execute(newer).fetchall()]


def newest_versions(batch: pa.Table) -> pa.Table:
    """Return one row per document: the version in the batch that was extracted last."""
    if pc.count_distinct(batch["document_id"]).as_py() == batch.num_rows:
        return batch
    ordered = (
        batch.select(["document_id", "extracted_at"])
        .append_column("position", pa.array(range(batch.num_rows)))
        .sort_by("extracted_at")
    )
    newest = ordered.group_by("document_id", use_threads=False).aggregate([("position", "last")])["position_last"]
    return batch.take(newest)
