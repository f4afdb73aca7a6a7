"""The record store's interface for collector and loader, independent of its database.

Every line is stored once under an id derived from its content, so every write may be repeated. The only updates are
to the state of a file and to a line whose texts expire; the only deletions are requests to forget. Forgotten lines are
not stored again: callers of `insert_lines` drop them. Moments are whole milliseconds in UTC; a range of them excludes
its start, not its end.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from common.errors import AnalyticsError, PassingError
from records.file_state import FileState
from records.forgotten import ForgetRequest, Mark, Origin
from records.layouts import LayoutPart
from records.lines import Line

EARLIEST, LATEST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
"""A moment outside is ignored: it would overflow in another timezone."""

EPOCH = datetime.fromtimestamp(0, UTC)


class StoreError(AnalyticsError):
    """The record store cannot complete the call."""


class StoreAwayError(StoreError, PassingError):
    """The record store is unreachable, or another program keeps it busy."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a line was read: machine, project folder, transcript, and the offset of its first byte."""

    host: str | None
    project_id: str | None
    source_file: str | None
    byte_offset: int | None
    """None for a document that another tool or version 0.1.0 stored: its exact line is not known."""


@dataclass(frozen=True, slots=True)
class NewLine:
    """A parsed line on its way into the store."""

    line_id: str
    line: Line
    place: Place


@dataclass(frozen=True, slots=True)
class RejectedLine:
    """A line that could not be parsed: its exact bytes and the reason."""

    line_id: str
    raw: bytes
    reason: str
    place: Place
    ingested_at: datetime | None = None
    """None until it is stored."""


@dataclass(frozen=True, slots=True)
class StoredLine:
    """A line as read from the store."""

    line_id: str
    session_id: str | None
    uuid: str | None
    line_type: str | None
    place: Place
    ingested_at: datetime | None
    content: bytes
    """The exact bytes of the line; without a byte offset, the whole document as MongoDB's relaxed extended JSON."""


class PlacedLine(NamedTuple):
    """Where a line was read, without the line."""

    source_file: str
    byte_offset: int
    line_id: str


class Source(NamedTuple):
    """The origin of a line that existed already: its place, and when it was ingested."""

    host: str | None
    source_file: str | None
    byte_offset: int | None
    ingested_at: datetime | None


class LineSink(Protocol):
    """The collector's interface to the destination of lines: the record store, or a spool on the way there."""

    def transaction(self) -> AbstractContextManager[None]:
        """Commit everything written in this block together if the database can; else in the order it is written."""
        ...

    def insert_lines(self, lines: Sequence[NewLine]) -> list[Source | None]:
        """Store lines; return for each the source of the existing line, or None if it is new."""
        ...

    def insert_rejected(self, lines: Sequence[RejectedLine]) -> None:
        """Store rejected lines, ignoring existing ones."""
        ...

    def save_states(self, states: Iterable[FileState]) -> None:
        """Store the states of these files, replacing earlier ones."""
        ...

    def states(self, host: str) -> dict[str, FileState]:
        """Return the states of this host's files by source file."""
        ...

    def has_state(self, state: FileState) -> bool:
        """Return whether the store still has exactly this state."""
        ...

    def now(self) -> datetime:
        """Return the store's time, which never steps back."""
        ...

    def synchronise(self) -> None:
        """Synchronise with the database's clock, if it has one."""
        ...

    def save_layouts(self, parts: Sequence[LayoutPart]) -> int:
        """Store layouts of files, replacing parts with the same id; return how many."""
        ...

    def forget_requests(self) -> list[ForgetRequest]:
        """Return the log of requests, the oldest first."""
        ...

    def refused(self, origins: Sequence[Origin]) -> set[str]:
        """Return the ids of those of these lines that are forgotten."""
        ...

    def refused_files(self, states: Iterable[FileState]) -> set[str]:
        """Return the ids of these files that need not be read: their session or all their lines are forgotten."""
        ...

    def forget_file(self, state: FileState) -> None:
        """Record that every line of this version of the file is forgotten, so that it is not read again."""
        ...


class RecordStore(LineSink, Protocol):
    """The record store. Every method raises StoreError if the database fails permanently."""

    @property
    def name(self) -> str:
        """Its name in messages: its kind and location, without a password."""
        ...

    def snapshot(self) -> AbstractContextManager[None]:
        """Read one moment's state if the database can; else later writes may be visible, too.

        Callers read states first, then layouts, then lines: each is written before what counts it.
        """
        ...

    def states_of(self, host: str, source_files: Collection[str]) -> dict[str, FileState]:
        """Return the known states of these files of a host, by source file."""
        ...

    def close(self) -> None:
        """Close the database."""
        ...

    def settled(self) -> datetime:
        """Return the moment up to which no writer can add a line any more."""
        ...

    def count(self) -> int:
        """Return the number of lines, from the database's metadata if possible."""
        ...

    def count_rejected(self) -> int:
        """Return the number of rejected lines."""
        ...

    def count_between(self, after: datetime, up_to: datetime) -> int:
        """Return the number of lines ingested in this range."""
        ...

    def ids_between(self, after: datetime, up_to: datetime) -> Iterator[str]:
        """Yield the ids of the lines ingested in this range."""
        ...

    def read_after(self, after: datetime) -> Iterator[StoredLine]:
        """Yield the lines ingested after this moment, in ascending order of their moments."""
        ...

    def undated_ids(self) -> Iterator[str]:
        """Yield the ids of documents without a usable moment; only other tools write such."""
        ...

    def read_lines(self, line_ids: Sequence[str]) -> Iterator[StoredLine]:
        """Yield those of these lines that exist."""
        ...

    def rejected_ids(self) -> Iterator[str]:
        """Yield the ids of all rejected lines."""
        ...

    def read_rejected(self, line_ids: Sequence[str]) -> Iterator[RejectedLine]:
        """Yield those of these rejected lines that exist."""
        ...

    def count_states(self) -> int:
        """Return the number of files of every host whose state is kept."""
        ...

    def all_states(self) -> Iterator[FileState]:
        """Yield the states of every host's files."""
        ...

    def restore_lines(self, lines: Sequence[StoredLine]) -> int:
        """Restore lines with their original moment of ingestion; return how many were missing."""
        ...

    def restore_rejected(self, lines: Sequence[RejectedLine]) -> int:
        """Restore rejected lines; return how many were missing."""
        ...

    def restore_states(self, states: Sequence[FileState]) -> int:
        """Restore the states of files, replacing those in the store; return how many."""
        ...

    def layouts(self, host: str, source_file: str, version: int) -> Iterator[LayoutPart]:
        """Yield the layout of this version of a file."""
        ...

    def all_layouts(self) -> Iterator[LayoutPart]:
        """Yield the layouts of every host's files, in a fixed order."""
        ...

    def count_layouts(self) -> int:
        """Return the number of parts."""
        ...

    def lines_of(self, host: str, source_files: Collection[str]) -> Iterator[PlacedLine]:
        """Yield the lines that were stored from these files of a host. Reads the whole store."""
        ...

    # Forgetting

    def save_forget_request(self, request: ForgetRequest) -> None:
        """Write a request into the log, replacing its earlier entry."""
        ...

    def add_marks(self, marks: Sequence[Mark]) -> None:
        """Add marks; existing ones are kept."""
        ...

    def marks_among(self, marks: Collection[str]) -> set[str]:
        """Return those of these marks that exist."""
        ...

    def all_marks(self) -> Iterator[Mark]:
        """Yield every mark, in a fixed order."""
        ...

    def delete_lines(self, line_ids: Collection[str]) -> int:
        """Delete these lines; return how many existed."""
        ...

    def delete_rejected(self, line_ids: Collection[str]) -> int:
        """Delete these rejected lines; return how many existed."""
        ...

    def delete_files(self, states: Sequence[FileState]) -> int:
        """Delete the states and layouts of these files; return how many."""
        ...

    def rewrite_lines(self, lines: Sequence[StoredLine]) -> None:
        """Replace the lines with the same ids; missing lines are not inserted."""
        ...

    def rewrite_rejected(self, lines: Sequence[RejectedLine]) -> None:
        """Replace the rejected lines with the same ids."""
        ...

    def delete_layouts(self, parts: Sequence[LayoutPart]) -> None:
        """Delete these parts of layouts."""
        ...

    def erase(self) -> None:
        """Remove every deleted byte from the database's files, as far as it can."""
        ...
