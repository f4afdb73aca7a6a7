"""Forgetting in MongoDB: the log of requests, their marks, and deletions.

mongod's files may contain deleted documents until their blocks are reused; `erase` requests a compaction.
"""

from abc import abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from pymongo import UpdateOne
from pymongo.errors import OperationFailure

from common.chunks import chunks
from records.file_state import FileState
from records.forgotten import ForgetRequest, Mark
from records.layouts import LayoutPart
from records.mongo_documents import SHOWN_BYTES
from records.mongo_inserts import CONVERSATIONS, DEAD_LETTERS, FILES, LAYOUTS, PARTS, MongoInserts, Outgoing
from records.mongo_lines import id_value
from records.refusing import Refusing
from records.store import RejectedLine, StoredLine

REQUESTS, MARKS = "forget_requests", "forgotten"
_AT_ONCE = 1_000


class MongoForgotten(MongoInserts, Refusing):
    """What was forgotten, and how it is deleted."""

    def forget_requests(self) -> list[ForgetRequest]:
        """Return the log of requests, the oldest first."""
        with self._one_line():
            found = self._persist(lambda: list(self._database[REQUESTS].find()))
        requests = [ForgetRequest.from_document(document) for document in found]
        return sorted(requests, key=lambda request: (request.asked_at, request.id))

    def save_forget_request(self, request: ForgetRequest) -> None:
        """Write a request into the log, replacing its earlier entry."""
        document = {"_id": request.id} | request.to_document()
        replace = self._database[REQUESTS].replace_one
        with self._one_line():
            self._persist(lambda: replace({"_id": request.id}, document, upsert=True))

    def add_marks(self, marks: Sequence[Mark]) -> None:
        """Add marks; existing ones are kept."""
        with self._one_line():
            for some in chunks(marks, _AT_ONCE):
                kept = [
                    UpdateOne({"_id": mark}, {"$setOnInsert": {"requestId": request}}, upsert=True)
                    for mark, request in some
                ]
                self._persist(partial(self._database[MARKS].bulk_write, kept, ordered=False))

    def marks_among(self, marks: Collection[str]) -> set[str]:
        """Return those of these marks that exist."""
        found: set[str] = set()
        with self._one_line():
            for some in chunks(marks, _AT_ONCE):
                query = {"_id": {"$in": some}}
                found |= {kept["_id"] for kept in self._persist(partial(self._found, MARKS, query))}
        return found

    def _found(self, collection: str, query: dict[str, Any]) -> list[dict[str, Any]]:
        return list(self._database[collection].find(query, {"_id": 1}))

    def all_marks(self) -> Iterator[Mark]:
        """Yield every mark, in a fixed order."""
        with self._one_line():
            for found in self._database[MARKS].find().sort("_id", 1):
                yield Mark(found["_id"], found["requestId"])

    def delete_lines(self, line_ids: Collection[str]) -> int:
        """Delete these lines; return how many existed."""
        return self._delete(CONVERSATIONS, line_ids)

    def delete_rejected(self, line_ids: Collection[str]) -> int:
        """Delete these rejected lines; return how many existed."""
        return self._delete(DEAD_LETTERS, line_ids)

    def _delete(self, collection: str, line_ids: Collection[str]) -> int:
        """Delete parts first: the next attempt finds and deletes a line that is left without its parts."""
        deleted = 0
        with self._one_line():
            for some in chunks(line_ids, _AT_ONCE):
                parts = {"conversationId": {"$in": some}}
                self._persist(partial(self._database[PARTS].delete_many, parts))
                lines = {"_id": {"$in": [id_value(line_id) for line_id in some]}}
                deleted += self._persist(partial(self._database[collection].delete_many, lines)).deleted_count
        return deleted

    def rewrite_lines(self, lines: Sequence[StoredLine]) -> None:
        """Replace the lines with the same ids; missing lines are not inserted."""
        with self._one_line():
            for line in lines:
                self._replace(CONVERSATIONS, line.line_id, line.content, partial(self._encode_again, line))

    def rewrite_rejected(self, lines: Sequence[RejectedLine]) -> None:
        """Replace the rejected lines with the same ids."""
        with self._one_line():
            for line in lines:
                self._replace(DEAD_LETTERS, line.line_id, line.raw, partial(self._encode_rejected, line))

    def _replace(self, collection: str, line_id: str, content: bytes, encode: Callable[[], Outgoing]) -> None:
        """Replace a document, then delete its parts; before, if the new one may have parts with the same ids."""
        delete_parts = partial(self._database[PARTS].delete_many, {"conversationId": line_id})
        may_be_in_parts = len(content) > SHOWN_BYTES
        if may_be_in_parts:
            self._persist(delete_parts)
        document = encode().stamped(self.now())
        replace = partial(self._database[collection].replace_one, {"_id": id_value(line_id)}, document)
        self._persist(replace)
        if not may_be_in_parts:
            self._persist(delete_parts)

    @abstractmethod
    def _encode_again(self, stored: StoredLine) -> Outgoing:
        """Return a line as its document, and store its bytes in parts if the document cannot hold them."""

    @abstractmethod
    def _encode_rejected(self, line: RejectedLine) -> Outgoing:
        """Return a rejected line as its document, and store its bytes in parts if the document cannot hold them."""

    def delete_layouts(self, parts: Sequence[LayoutPart]) -> None:
        """Delete these parts of layouts."""
        with self._one_line():
            for some in chunks([part.id for part in parts], _AT_ONCE):
                self._persist(partial(self._database[LAYOUTS].delete_many, {"_id": {"$in": some}}))

    def delete_files(self, states: Sequence[FileState]) -> int:
        """Delete the states and layouts of these files; return how many."""
        deleted = 0
        with self._one_line():
            for state in states:
                of_file = {"host": state.host, "sourceFile": state.source_file}
                self._persist(partial(self._database[LAYOUTS].delete_many, of_file))
                gone = self._persist(partial(self._database[FILES].delete_many, {"_id": state.id}))
                deleted += gone.deleted_count
        return deleted

    def erase(self) -> None:
        """Have the server compact its files, if that is allowed and supported."""
        with self._one_line():
            for name in (CONVERSATIONS, PARTS, DEAD_LETTERS, FILES, LAYOUTS):
                with suppress(OperationFailure):  # not allowed, or not supported: the documents are deleted anyway
                    self._persist(partial(self._database.command, "compact", name))
