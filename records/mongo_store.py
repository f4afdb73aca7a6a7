"""The record store in MongoDB: `conversations`, `conversation_parts`, `dead_letters`, `transcript_files` and layouts.

Every call is repeated while the server is unreachable. That is safe: all `_id`s are derived from the content. No query
makes the server group the collection, or sort it without an index: reads and counts are ranges of that on `ingestedAt`.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import bson
from bson import json_util
from pymongo import ReplaceOne

from common.chunks import ahead, chunks
from records.file_state import FileState
from records.lines import parse
from records.mongo_documents import dead_letter, document, envelope
from records.mongo_inserts import CONVERSATIONS, DEAD_LETTERS, FILES, PARTS, Outgoing, require_accepted
from records.mongo_layouts import MongoLayouts
from records.mongo_lines import CODEC, decode_batch, document_id, id_value, stored_line, usable_moment
from records.store import EARLIEST, LATEST, NewLine, RejectedLine, Source, StoredLine

SETTLED = timedelta(seconds=10)
"""A moment more recent than this may still get documents from an active writer."""

_SAVED_AT_ONCE = 1000
_READ_AT_ONCE = 1000
_READ_AHEAD = 32 * 1024 * 1024
"""Bytes to prefetch from the server while a commit is written."""
_UNDATED = {"$nor": [{"ingestedAt": {"$gte": EARLIEST, "$lte": LATEST, "$not": {"$type": "array"}}}]}


class MongoStore(MongoLayouts):
    """The record store of the appliance, and wherever MONGO_URI is set."""

    name = "MongoDB"

    # Writing

    def transaction(self) -> AbstractContextManager[None]:
        """Do nothing: lines are written before the states that count them, and every write may be repeated."""
        return nullcontext()

    def insert_lines(self, lines: Sequence[NewLine]) -> list[Source | None]:
        """Store lines; return for each the source of the existing line, or None if it is new."""
        if not lines:
            return []
        with self._one_line():
            self._ensure_indexes()
            refusals = self._insert(CONVERSATIONS, [Outgoing(self._encode(new)) for new in lines])
            for index, reason in refusals.others.items():
                if self._insert_envelope(lines[index], f"refused by the server: {reason}"):
                    refusals.duplicates.append(index)
            return self._outcomes(lines, set(refusals.duplicates))

    def _encode(self, new: NewLine) -> bytes:
        encoded, reason = document(new.line, new.line_id, new.place)
        if reason is not None:
            self._insert_parts(new.line.raw, new.line_id)
        return encoded

    def _insert_envelope(self, new: NewLine, reason: str) -> bool:
        """Store a line in parts after the server rejected it whole; return whether it existed already."""
        self._insert_parts(new.line.raw, new.line_id)
        encoded = envelope(new.line, new.line_id, new.place, reason)
        refusals = self._insert(CONVERSATIONS, [Outgoing(encoded)])
        require_accepted(refusals.others)
        return bool(refusals.duplicates)

    def _outcomes(self, lines: Sequence[NewLine], duplicates: set[int]) -> list[Source | None]:
        sources = self._sources([lines[index].line_id for index in duplicates]) if duplicates else {}
        gone = Source(None, None, None, None)
        return [sources.get(new.line_id, gone) if index in duplicates else None for index, new in enumerate(lines)]

    def _sources(self, line_ids: list[str]) -> dict[str, Source]:
        query = {"_id": {"$in": line_ids}}
        fields = {"host": 1, "sourceFile": 1, "byteOffset": 1, "ingestedAt": 1}
        found = self._persist(lambda: list(self._database[CONVERSATIONS].find(query, fields)))
        return {
            line["_id"]: Source(
                line.get("host"),
                line.get("sourceFile"),
                line.get("byteOffset"),
                usable_moment(line.get("ingestedAt")),
            )
            for line in found
        }

    def insert_rejected(self, lines: Sequence[RejectedLine]) -> None:
        """Store rejected lines, ignoring existing ones."""
        self.restore_rejected(lines)

    def save_states(self, states: Iterable[FileState]) -> None:
        """Store the states of these files, replacing earlier ones."""
        with self._one_line():
            now = self.now()
            fresh: list[FileState] = []
            known: list[FileState] = []
            for state in self._unmarked_states(list(states)):
                (fresh if state.collected_at is None else known).append(state)
                state.collected_at = now
            known += self._insert_states(fresh)  # much faster than replacing
            self._replace_states(known)

    def _replace_states(self, states: Sequence[FileState]) -> None:
        for some in chunks(map(_replacement, states), _SAVED_AT_ONCE):
            self._persist(partial(self._database[FILES].bulk_write, some, ordered=False))

    def _insert_states(self, states: Sequence[FileState]) -> list[FileState]:
        """Store states that are new here; return those that were there already."""
        refused: list[FileState] = []
        for start in range(0, len(states), _SAVED_AT_ONCE):
            some = states[start : start + _SAVED_AT_ONCE]
            outgoing = [Outgoing(bson.encode(state.to_document()), has_own_moment=True) for state in some]
            refusals = self._persist(partial(self._insert_once, FILES, outgoing))
            refused += [some[index] for index in [*refusals.duplicates, *refusals.others]]
        return refused

    def restore_lines(self, lines: Sequence[StoredLine]) -> int:
        """Restore lines with their original moment of ingestion; return how many were missing."""
        with self._one_line():
            self._ensure_indexes()
            lines = self._without_refused(lines)
            refusals = self._insert(CONVERSATIONS, [self._encode_again(line) for line in lines])
            require_accepted(refusals.others)
            return len(lines) - len(refusals.duplicates)

    def _encode_again(self, stored: StoredLine) -> Outgoing:
        if stored.place.byte_offset is None:
            document = bson.encode(json_util.loads(stored.content), codec_options=CODEC)
            return Outgoing(document, has_own_moment=True)
        (line,) = parse(stored.content)
        return Outgoing(self._encode(NewLine(stored.line_id, line, stored.place)), stored.ingested_at)

    def restore_rejected(self, lines: Sequence[RejectedLine]) -> int:
        """Restore rejected lines; return how many were missing."""
        if not lines:
            return 0
        with self._one_line():
            lines = self._without_refused(lines)
            refusals = self._insert(DEAD_LETTERS, [self._encode_rejected(line) for line in lines])
            require_accepted(refusals.others)
            return len(lines) - len(refusals.duplicates)

    def _encode_rejected(self, line: RejectedLine) -> Outgoing:
        encoded, in_parts = dead_letter(line)
        if in_parts:
            self._insert_parts(line.raw, line.line_id)
        return Outgoing(encoded, line.ingested_at)

    def restore_states(self, states: Sequence[FileState]) -> int:
        """Restore the states of files, replacing those in the store; return how many."""
        with self._one_line():
            kept = self._unmarked_states(states)
            self._replace_states(kept)
        return len(kept)

    def close(self) -> None:
        """Close the connections."""
        self._database.client.close()

    # Reading

    def states(self, host: str) -> dict[str, FileState]:
        """Return the states of this host's files by source file."""
        with self._one_line():
            found = self._persist(lambda: list(self._database[FILES].find({"host": host})))
            return {state.source_file: state for state in map(FileState.from_document, found)}

    def states_of(self, host: str, source_files: Collection[str]) -> dict[str, FileState]:
        """Return the known states of these files of a host, by source file."""
        query = {"_id": {"$in": [f"{host}:{name}" for name in source_files]}}
        with self._one_line():
            found = self._persist(lambda: list(self._database[FILES].find(query)))
            return {state.source_file: state for state in map(FileState.from_document, found)}

    def all_states(self) -> Iterator[FileState]:
        """Yield the states of every host's files, in a fixed order."""
        with self._one_line():
            for found in self._database[FILES].find().sort("_id", 1):
                yield FileState.from_document(found)

    def has_state(self, state: FileState) -> bool:
        """Return whether the store still has exactly this state."""
        with self._one_line():
            found = self._persist(lambda: self._database[FILES].find_one({"_id": state.id}))
            return found is not None and FileState.from_document(found).to_document() == state.to_document()

    def synchronise(self) -> None:
        """Ask the server for its time again."""
        with self._one_line():
            self._persist(self._clock.synchronise)

    def settled(self) -> datetime:
        """Return the moment up to which no writer can add a line any more."""
        return self.now() - SETTLED

    def count(self) -> int:
        """Return the number of lines, from the collection's metadata."""
        with self._one_line():
            return self._persist(self._database[CONVERSATIONS].estimated_document_count)

    def count_rejected(self) -> int:
        """Return the number of rejected lines, from the collection's metadata."""
        with self._one_line():
            return self._persist(self._database[DEAD_LETTERS].estimated_document_count)

    def count_states(self) -> int:
        """Return the number of files of every host whose state is kept, from the collection's metadata."""
        with self._one_line():
            return self._persist(self._database[FILES].estimated_document_count)

    def count_between(self, after: datetime, up_to: datetime) -> int:
        """Return the number of lines ingested in this range."""
        query = _between(after, up_to)
        with self._one_line():
            return self._persist(lambda: self._database[CONVERSATIONS].count_documents(query))

    def ids_between(self, after: datetime, up_to: datetime) -> Iterator[str]:
        """Yield the ids of the lines ingested in this range."""
        with self._one_line():
            for found in self._database[CONVERSATIONS].find(_between(after, up_to), {"ingestedAt": 1}):
                if isinstance(found["ingestedAt"], datetime):
                    yield document_id(found["_id"])

    def read_after(self, after: datetime) -> Iterator[StoredLine]:
        """Yield the lines ingested after this moment, in ascending order of their moments, which is the index's."""
        found = self._read(_between(after, LATEST), sort={"ingestedAt": 1})
        return (line for line in found if line.ingested_at is not None)

    def undated_ids(self) -> Iterator[str]:
        """Yield the ids of documents without a usable moment; only other tools write such."""
        with self._one_line():
            for found in self._database[CONVERSATIONS].find(_UNDATED, {"_id": 1}):
                yield document_id(found["_id"])

    def read_lines(self, line_ids: Sequence[str]) -> Iterator[StoredLine]:
        """Yield those of these lines that exist."""
        return self._read({"_id": {"$in": [id_value(line_id) for line_id in line_ids]}})

    def _read(self, match: dict[str, Any], sort: dict[str, int] | None = None) -> Iterator[StoredLine]:
        with self._one_line():
            batches: Any = self._database[CONVERSATIONS].find_raw_batches(match, batch_size=_READ_AT_ONCE, sort=sort)
            for batch in ahead(batches, _READ_AHEAD):
                yield from decode_batch(batch, self._parts)

    def _parts(self, line_id: str) -> bytes:
        found = self._database[PARTS].find({"conversationId": line_id})
        return b"".join(part["data"] for part in sorted(found, key=lambda part: part["part"]))

    def rejected_ids(self) -> Iterator[str]:
        """Yield the ids of all rejected lines."""
        with self._one_line():
            for found in self._database[DEAD_LETTERS].find({}, {"_id": 1}):
                yield document_id(found["_id"])

    def read_rejected(self, line_ids: Sequence[str]) -> Iterator[RejectedLine]:
        """Yield those of these rejected lines that exist."""
        query = {"_id": {"$in": [id_value(line_id) for line_id in line_ids]}}
        with self._one_line():
            for found in self._database[DEAD_LETTERS].find(query):
                raw = self._parts(found["_id"]) if "parts" in found else str(found.get("line") or "").encode()
                place = stored_line(found, self._parts).place
                moment = usable_moment(found.get("ingestedAt"))
                yield RejectedLine(document_id(found["_id"]), raw, str(found.get("reason")), place, moment)


def _between(after: datetime, up_to: datetime) -> dict[str, Any]:
    """Return the filter for ingestedAt in this range, by its index; it also matches arrays of such dates.

    Callers must drop those: a condition that does would be evaluated for each document of the collection.
    """
    return {"ingestedAt": {"$gt": after, "$lte": up_to}}


def _replacement(state: FileState) -> ReplaceOne[dict[str, Any]]:
    return ReplaceOne({"_id": state.id}, state.to_document(), upsert=True)
