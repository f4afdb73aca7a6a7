"""What the collector asks of MongoDB: inserts that ignore what is there already, the states, the server's clock.

Every call is repeated while the server cannot be reached. That is safe: all `_id`s are made from the content.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple, TypeVar

import stamina
from bson.codec_options import CodecOptions
from pymongo import ReplaceOne
from pymongo.database import Database
from pymongo.errors import AutoReconnect, BulkWriteError, DocumentTooLarge, OperationFailure
from pymongo.write_concern import WriteConcern

from collector.clock import ServerClock
from collector.line_documents import parts, stamped
from collector.pass_result import CollectorError
from collector.state import FileState, as_utc

CONVERSATIONS, PARTS, DEAD_LETTERS, FILES = "conversations", "conversation_parts", "dead_letters", "transcript_files"

_DUPLICATE_KEY = 11000
_NOT_ALLOWED = (13, 18)  # Unauthorized, AuthenticationFailed
_SAVED_AT_ONCE = 1000
_Result = TypeVar("_Result")


class Source(NamedTuple):
    """Where and when a document that is there already came from."""

    host: str | None
    source_file: str | None
    ingested_at: datetime | None


class Refusals(NamedTuple):
    """Which of some documents were not inserted, by their place."""

    duplicates: list[int]
    others: dict[int, str]


class Store:
    """The collector's collections in one database."""

    def __init__(self, database: Database[dict[str, Any]], attempts: int = 10) -> None:
        options: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)
        # Acknowledged means on disk: a state must never survive the lines it counts.
        self._database = database.with_options(options, write_concern=WriteConcern(w="majority", j=True))
        self._attempts = attempts
        self.clock = self._persist(lambda: ServerClock(self._database))
        self._persist(lambda: self._database[CONVERSATIONS].create_index("ingestedAt"))
        self._persist(lambda: self._database[PARTS].create_index("conversationId"))

    def insert(self, collection: str, encoded: list[bytes]) -> Refusals:
        """Insert encoded documents, stamped with the moment at which they are sent."""
        try:
            return self._persist(lambda: self._insert_once(collection, encoded))
        except (OperationFailure, DocumentTooLarge) as error:
            if isinstance(error, OperationFailure) and error.code in _NOT_ALLOWED:
                raise
            return self._insert_halves(collection, encoded, str(error))

    def _insert_once(self, collection: str, encoded: list[bytes]) -> Refusals:
        now = self.clock.now()
        try:
            self._database[collection].insert_many([stamped(one, now) for one in encoded], ordered=False)
        except BulkWriteError as error:
            return _refusals(error)
        return Refusals([], {})

    def _insert_halves(self, collection: str, encoded: list[bytes], message: str) -> Refusals:
        """The server refused the message as a whole: find the documents it means."""
        if len(encoded) == 1:
            return Refusals([], {0: message[:500]})
        middle = len(encoded) // 2
        first, second = self.insert(collection, encoded[:middle]), self.insert(collection, encoded[middle:])
        later = {middle + index: reason for index, reason in second.others.items()}
        return Refusals(first.duplicates + [middle + index for index in second.duplicates], first.others | later)

    def insert_parts(self, raw: bytes, document_id: str) -> None:
        """Keep the exact bytes of a line, in parts."""
        for part in parts(raw, document_id):
            self._persist(partial(self._insert_part, part))

    def _insert_part(self, part: dict[str, Any]) -> None:
        try:
            self._database[PARTS].insert_many([part], ordered=False)
        except BulkWriteError as error:
            if _refusals(error).others:
                raise CollectorError(f"MongoDB refused a part of a line: {_first_message(error)}") from None

    def sources(self, document_ids: list[str]) -> dict[str, Source]:
        """Where these documents came from."""
        query, fields = {"_id": {"$in": document_ids}}, {"host": 1, "sourceFile": 1, "ingestedAt": 1}
        found = self._persist(lambda: list(self._database[CONVERSATIONS].find(query, fields)))
        return {
            each["_id"]: Source(each.get("host"), each.get("sourceFile"), as_utc(each.get("ingestedAt")))
            for each in found
        }

    def states(self, host: str) -> dict[str, FileState]:
        """How far this host's files have been read, by source file."""
        found = self._persist(lambda: list(self._database[FILES].find({"host": host})))
        return {state.source_file: state for state in map(FileState.from_document, found)}

    def has(self, state: FileState) -> bool:
        """Whether the database still holds this very state."""
        return self._persist(lambda: self._database[FILES].find_one({"_id": state.id})) == state.to_document()

    def save(self, states: Iterable[FileState]) -> None:
        """Keep these states."""
        now = self.clock.now()
        fresh: list[FileState] = []
        known: list[FileState] = []
        for state in states:
            (fresh if state.collected_at is None else known).append(state)
            state.collected_at = now
        for start in range(0, len(fresh), _SAVED_AT_ONCE):
            known += self._persist(partial(self._insert_states, fresh[start : start + _SAVED_AT_ONCE]))
        for start in range(0, len(known), _SAVED_AT_ONCE):
            some = [_replacement(state) for state in known[start : start + _SAVED_AT_ONCE]]
            self._persist(partial(self._database[FILES].bulk_write, some, ordered=False))

    def _insert_states(self, states: list[FileState]) -> list[FileState]:
        """Keep states that are new here: much faster than replacing. Those that are there already come back."""
        try:
            self._database[FILES].insert_many([state.to_document() for state in states], ordered=False)
        except BulkWriteError as error:
            refusals = _refusals(error)
            return [states[index] for index in [*refusals.duplicates, *refusals.others]]
        return []

    def _persist(self, call: Callable[[], _Result]) -> _Result:
        retry = stamina.retry(on=AutoReconnect, attempts=self._attempts, timeout=120.0, wait_max=10.0)
        return retry(call)()


def _replacement(state: FileState) -> ReplaceOne[dict[str, Any]]:
    return ReplaceOne({"_id": state.id}, state.to_document(), upsert=True)


def _refusals(error: BulkWriteError) -> Refusals:
    details = error.details
    if details.get("writeConcernErrors"):
        raise CollectorError(f"MongoDB did not make a write durable: {details['writeConcernErrors'][0].get('errmsg')}")
    duplicates, others = [], {}
    for each in details["writeErrors"]:
        if each["code"] == _DUPLICATE_KEY:
            duplicates.append(each["index"])
        else:
            others[each["index"]] = str(each.get("errmsg"))[:500]
    return Refusals(duplicates, others)


def _first_message(error: BulkWriteError) -> str:
    return str(error.details["writeErrors"][0].get("errmsg"))[:500]
