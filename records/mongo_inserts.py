"""Repeatable inserts into MongoDB, which distinguish existing documents from rejected ones."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple, TypeVar

import bson
import stamina
from bson.raw_bson import RawBSONDocument
from pymongo.database import Database
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConnectionFailure,
    DocumentTooLarge,
    OperationFailure,
    PyMongoError,
)
from pymongo.write_concern import WriteConcern

from records.mongo_clock import ServerClock
from records.mongo_documents import parts, stamped
from records.mongo_lines import CODEC
from records.store import StoreAwayError, StoreError

CONVERSATIONS, PARTS, DEAD_LETTERS, FILES = "conversations", "conversation_parts", "dead_letters", "transcript_files"
LAYOUTS = "transcript_layouts"

_DUPLICATE_KEY = 11000
_NOT_ALLOWED = (13, 18)  # Unauthorized, AuthenticationFailed
_Result = TypeVar("_Result")


class Outgoing(NamedTuple):
    """A document to insert, with the moment to stamp it with (None: that of sending) unless it has its own."""

    encoded: bytes
    moment: datetime | None = None
    has_own_moment: bool = False

    def stamped(self, now: datetime) -> RawBSONDocument:
        """Return the document with its moment, to be sent now."""
        if self.has_own_moment:
            return RawBSONDocument(self.encoded)
        return stamped(self.encoded, self.moment or now)


class Refusals(NamedTuple):
    """The documents that were not inserted, by their place in the batch."""

    duplicates: list[int]
    others: dict[int, str]


class MongoInserts:
    """Writes to a database; each call is repeated while the server is unreachable."""

    def __init__(self, database: Database[dict[str, Any]], attempts: int = 10) -> None:
        """`attempts`: how often a call is tried while the server is unreachable."""
        # Acknowledged means on disk: a state must never survive the lines it counts.
        self._database = database.with_options(CODEC, write_concern=WriteConcern(w="majority", j=True))
        self._attempts = attempts
        self._known_clock: ServerClock | None = None
        self._indexed = False

    def now(self) -> datetime:
        """Return the server's time, so that machines whose clocks differ use the same time."""
        return self._clock.now()

    @property
    def _clock(self) -> ServerClock:
        if self._known_clock is None:
            with self._one_line():
                self._known_clock = self._persist(lambda: ServerClock(self._database))
        return self._known_clock

    def _insert(self, collection: str, outgoing: Sequence[Outgoing]) -> Refusals:
        """Insert documents; return those that the server rejected."""
        if not outgoing:
            return Refusals([], {})
        try:
            return self._persist(lambda: self._insert_once(collection, outgoing))
        except (OperationFailure, DocumentTooLarge) as error:
            if isinstance(error, OperationFailure) and error.code in _NOT_ALLOWED:
                raise
            return self._insert_halves(collection, outgoing, str(error))

    def _insert_once(self, collection: str, outgoing: Sequence[Outgoing]) -> Refusals:
        now = self.now()
        try:
            self._database[collection].insert_many([line.stamped(now) for line in outgoing], ordered=False)
        except BulkWriteError as error:
            return _refusals(error)
        return Refusals([], {})

    def _insert_halves(self, collection: str, outgoing: Sequence[Outgoing], message: str) -> Refusals:
        """Find the rejected documents after the server rejected the whole message."""
        if len(outgoing) == 1:
            return Refusals([], {0: message[:500]})
        middle = len(outgoing) // 2
        first, second = self._insert(collection, outgoing[:middle]), self._insert(collection, outgoing[middle:])
        later = {middle + index: reason for index, reason in second.others.items()}
        return Refusals(first.duplicates + [middle + index for index in second.duplicates], first.others | later)

    def _insert_parts(self, raw: bytes, line_id: str) -> None:
        """Store the exact bytes of a line in parts."""
        for part in parts(raw, line_id):
            outgoing = [Outgoing(bson.encode(part), has_own_moment=True)]
            refusals = self._persist(partial(self._insert_once, PARTS, outgoing))
            require_accepted(refusals.others)

    def _ensure_indexes(self) -> None:
        if not self._indexed:
            self._persist(lambda: self._database[CONVERSATIONS].create_index("ingestedAt"))
            self._persist(lambda: self._database[PARTS].create_index("conversationId"))
            self._indexed = True

    def _persist(self, call: Callable[[], _Result]) -> _Result:
        retry = stamina.retry(on=AutoReconnect, attempts=self._attempts, timeout=120.0, wait_max=10.0)
        return retry(call)()

    @contextmanager
    def _one_line(self) -> Iterator[None]:
        try:
            yield
        except PyMongoError as error:
            found = str(error).partition(", Timeout:")[0].splitlines()[0][:300]
            kind = StoreAwayError if isinstance(error, ConnectionFailure) else StoreError
            raise kind(f"MongoDB: expected it to answer, found: {found}; check MONGO_URI") from error


def _refusals(error: BulkWriteError) -> Refusals:
    details = error.details
    if details.get("writeConcernErrors"):
        raise StoreError(f"MongoDB did not make a write durable: {details['writeConcernErrors'][0].get('errmsg')}")
    duplicates, others = [], {}
    for refusal in details["writeErrors"]:
        if refusal["code"] == _DUPLICATE_KEY:
            duplicates.append(refusal["index"])
        else:
            others[refusal["index"]] = str(refusal.get("errmsg"))[:500]
    return Refusals(duplicates, others)


def require_accepted(refusals: dict[int, str]) -> None:
    """Raise StoreError if the server rejected a document for any reason but that it exists."""
    for reason in refusals.values():
        raise StoreError(f"MongoDB refused a document: {reason}; check its disk space and log")
