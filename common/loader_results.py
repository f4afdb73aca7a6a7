"""Results of the loader's steps, backups and requests to forget: the same objects in process and over HTTP."""

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict


class ExtractResult(BaseModel):
    """The result of one extract: record store to Iceberg, and back if the record store had lost lines."""

    model_config = ConfigDict(frozen=True)

    documents: int
    """Documents appended to Iceberg."""
    total_documents: int
    """Documents in the Iceberg table afterwards."""
    late_documents: int
    """Of the appended, those that arrived behind the watermark."""
    snapshot_id: int | None
    """The table's snapshot afterwards; None for a table without one."""
    watermark: datetime | None
    """Every document ingested before this moment (UTC) is in the table."""
    restored_documents: int = 0
    """Documents that the record store had lost and got back from Iceberg."""
    seconds: float


class CollectorState(BaseModel):
    """The state of one machine's collector, as last written to the record store."""

    model_config = ConfigDict(frozen=True)

    host: str
    transcripts: str
    """The directory as the collector sees it."""
    seen_at: datetime | None
    """When the collector last checked it."""
    problem: str | None
    """Why the directory cannot be read; None where it can, or need not be."""
    is_off: bool = False
    """Whether COLLECTOR=off says that the machine has no transcripts."""
    files: int
    """Transcripts that were read."""
    last_line_at: datetime | None
    """When the newest line was stored."""


class LoadResult(BaseModel):
    """The result of one load: Iceberg to `raw` in the work database."""

    model_config = ConfigDict(frozen=True)

    documents: int
    """Documents read from Iceberg."""
    rows: int
    """Rows (content blocks) added to raw.conversations."""
    total_rows: int
    """Rows of raw.conversations afterwards."""
    load_id: int
    """The number of the newest load; unchanged when there was nothing new."""
    full: bool
    """True if raw was rebuilt from scratch."""
    seconds: float


class MaintenanceResult(BaseModel):
    """The result of one maintenance of the Iceberg tables."""

    model_config = ConfigDict(frozen=True)

    files_compacted: int
    """Small data files that were rewritten into fewer."""
    files_written: int
    """Data files that took their place."""
    snapshots_expired: int
    orphans_deleted: int
    """Orphan files (of no snapshot) that were deleted."""
    bytes_freed: int
    seconds: float


class BackedUp(BaseModel):
    """The result of a backup."""

    model_config = ConfigDict(frozen=True)

    message: str
    """One line for people."""
    rows: int
    """Lines in it."""
    size: int
    """Bytes of all objects that it needs."""
    new_size: int
    """Bytes that it added to the backup's target."""


class Selected(BaseModel):
    """What a request to forget selects, before anything is recorded."""

    model_config = ConfigDict(frozen=True)

    kind: str
    value: str
    """The selected object's full name: a session's id, not a prefix of it."""
    lines: int
    rejected_lines: int
    sessions: list[str]
    days: int
    first_day: date | None
    last_day: date | None
    copies: dict[str, int]
    """Other sessions that hold copies of the lines, and how many."""
    before: datetime | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to forget."""
        return not (self.lines or self.rejected_lines)


class Done(BaseModel):
    """The result of a step of forgetting, in one line."""

    model_config = ConfigDict(frozen=True)

    message: str


class Counted(BaseModel):
    """How many lines a step of removing texts changed."""

    model_config = ConfigDict(frozen=True)

    lines: int


class ForgetLog(BaseModel):
    """The log of requests to forget, without the key of its marks."""

    model_config = ConfigDict(frozen=True)

    entries: list[dict[str, Any]]

    @property
    def unfinished(self) -> list[str]:
        """The ids of the requests that are not completed."""
        return [entry["id"] for entry in self.entries if entry["finishedAt"] is None]

    @property
    def open_kinds(self) -> set[str]:
        """The kinds of the requests that are not completed."""
        return {entry["kind"] for entry in self.entries if entry["finishedAt"] is None}
