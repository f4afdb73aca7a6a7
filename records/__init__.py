"""The record store, the system of record: every line unchanged, one interface over MongoDB and SQLite."""

from records.open_store import open_store
from records.store import LineSink, NewLine, Place, RecordStore, RejectedLine, Source, StoredLine, StoreError

__all__ = [
    "LineSink",
    "NewLine",
    "Place",
    "RecordStore",
    "RejectedLine",
    "Source",
    "StoreError",
    "StoredLine",
    "open_store",
]
