"""The record store's interface: what collector and loader ask of it, whichever database is behind it.

Every line is stored once under an id made from its content, so every write may be repeated. Nothing is ever updated but
the state of a file and a line whose texts expire, and nothing deleted but what a person asked to forget. That is not
taken again: callers of `insert_lines` leave it out. Moments are whole milliseconds in UTC; a range of them excludes its
start, not its end.
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
"""A moment outside counts as none: it would overflow in another timezone."""

EPOCH = datetime.fromtimestamp(0, UTC)


class StoreError(AnalyticsError):
    """The record store cannot do what was asked."""


class StoreAwayError(StoreError, PassingError):
    """The record store does not answer, or another program keeps it busy."""


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
    """A line as the store gives it back."""

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
    """Where and when a line that was there already came from."""

    host: str | None
    source_file: str | None
    byte_offset: int | None
    ingested_at: datetime | None


class LineSink(Protocol):
    """What the collector asks of the place that lines go to: the record store, or a spool on the way there."""

    def transaction(self) -> AbstractContextManager[None]:
        """Make what is written inside durable at once where the database can; else in the order it is written."""
        ...

    def insert_lines(self, lines: Sequence[NewLine]) -> list[Source | None]:
        """Store lines; for each the source of the line that was there already, or None where it is new."""
        ...

    def insert_rejected(self, lines: Sequence[RejectedLine]) -> None:
        """Store rejected lines, ignoring those that are there."""
        ...

    def save_states(self, states: Iterable[FileState]) -> None:
        """Store how far these files have been read, replacing what was known of them."""
        ...

    def states(self, host: str) -> dict[str, FileState]:
        """Return the states of this host's files by source file."""
        ...

    def has_state(self, state: FileState) -> bool:
        """Tell whether the store still holds exactly this state."""
        ...

    def now(self) -> datetime:
        """Return the store's time; it never steps back."""
        ...

    def synchronise(self) -> None:
        """Compare clocks with the database where it has its own."""
        ...

    def save_layouts(self, parts: Sequence[LayoutPart]) -> int:
        """Store what is kept of files besides their lines, replacing parts of the same place; return how many."""
        ...

    def forget_requests(self) -> list[ForgetRequest]:
        """Return the log of requests, the oldest first."""
        ...

    def refused(self, origins: Sequence[Origin]) -> set[str]:
        """Return the ids of those of these lines that are forgotten."""
        ...

    def refused_files(self, states: Iterable[FileState]) -> set[str]:
        """Return the ids of those of these files that need not be read: their session is forgotten, or all in them."""
        ...

    def forget_file(self, state: FileState) -> None:
        """Keep in mind that every line of this file, as it is now, is forgotten, so that it is not read again."""
        ...


class RecordStore(LineSink, Protocol):
    """The record store. Every method raises StoreError where the database fails for good."""

    @property
    def name(self) -> str:
        """How messages call it: its kind and place, without a password."""
        ...

    def snapshot(self) -> AbstractContextManager[None]:
        """Read inside one moment's state where the database can; else what is written meanwhile may be there as well.

        Callers read states first, then layouts, then lines: each is written before what counts it.
        """
        ...

    def states_of(self, host: str, source_files: Collection[str]) -> dict[str, FileState]:
        """Return the states of these files of a host, those that are known, by source file."""
        ...

    def close(self) -> None:
        """Let go of the database."""
        ...

    def settled(self) -> datetime:
        """Return the moment up to which no writer can add a line any more."""
        ...

    def count(self) -> int:
        """Return the number of lines, from what the database keeps beside them."""
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
        """Yield the lines ingested after this moment, their moments never falling."""
        ...

    def undated_ids(self) -> Iterator[str]:
        """Yield the ids of documents without a usable moment; only other tools write such."""
        ...

    def read_lines(self, line_ids: Sequence[str]) -> Iterator[StoredLine]:
        """Yield those of these lines that are there."""
        ...

    def rejected_ids(self) -> Iterator[str]:
        """Yield the ids of all rejected lines."""
        ...

    def read_rejected(self, line_ids: Sequence[str]) -> Iterator[RejectedLine]:
        """Yield those of these rejected lines that are there."""
        ...

    def count_states(self) -> int:
        """Return the number of files of every host whose state is kept."""
        ...

    def all_states(self) -> Iterator[FileState]:
        """Yield the states of every host's files."""
        ...

    def restore_lines(self, lines: Sequence[StoredLine]) -> int:
        """Put lines back with the moment they were first ingested at; return how many were missing."""
        ...

    def restore_rejected(self, lines: Sequence[RejectedLine]) -> int:
        """Put rejected lines back; return how many were missing."""
        ...

    def restore_states(self, states: Sequence[FileState]) -> int:
        """Put back the states of files as they were, replacing what is known of them; return how many they are."""
        ...

    def layouts(self, host: str, source_file: str, version: int) -> Iterator[LayoutPart]:
        """Yield what is kept of this version of a file."""
        ...

    def all_layouts(self) -> Iterator[LayoutPart]:
        """Yield what is kept of every host's files, in a fixed order."""
        ...

    def count_layouts(self) -> int:
        """Return the number of parts."""
        ...

    def lines_of(self, host: str, source_files: Collection[str]) -> Iterator[PlacedLine]:
        """Yield the lines that were stored from these files of a host. Reads the whole store."""
        ...

    # Forgetting

    def save_forget_request(self, request: ForgetRequest) -> None:
        """Write a request into the log, in place of what the log says of it."""
        ...

    def add_marks(self, marks: Sequence[Mark]) -> None:
        """Keep marks; those that are there stay."""
        ...

    def marks_among(self, marks: Collection[str]) -> set[str]:
        """Return those of these marks that are kept."""
        ...

    def all_marks(self) -> Iterator[Mark]:
        """Yield every mark, in a fixed order."""
        ...

    def delete_lines(self, line_ids: Collection[str]) -> int:
        """Delete these lines; return how many were there."""
        ...

    def delete_rejected(self, line_ids: Collection[str]) -> int:
        """Delete these rejected lines; return how many were there."""
        ...

    def delete_files(self, states: Sequence[FileState]) -> int:
        """Delete what is known of these files and what is kept of them besides their lines; return how many."""
        ...

    def rewrite_lines(self, lines: Sequence[StoredLine]) -> None:
        """Put these lines in the place of those with the same ids; what is not there is not inserted."""
        ...

    def rewrite_rejected(self, lines: Sequence[RejectedLine]) -> None:
        """Put these rejected lines in the place of those with the same ids."""
        ...

    def delete_layouts(self, parts: Sequence[LayoutPart]) -> None:
        """Delete these parts of what is kept of files besides their lines."""
        ...

    def erase(self) -> None:
        """Have the database's files hold no byte of what was deleted, as far as it can."""
        ...
