"""Restoring transcripts from MongoDB: where lines were read, and the layouts of their files."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

from bson.binary import Binary
from pymongo import ReplaceOne

from common.chunks import chunks
from records.layouts import LayoutPart
from records.mongo_forgotten import MongoForgotten
from records.mongo_inserts import CONVERSATIONS, LAYOUTS
from records.store import PlacedLine

_SAVED_AT_ONCE_BYTES = 16 * 1024 * 1024
_NAMES_AT_ONCE = 1000


class MongoLayouts(MongoForgotten):
    """Layouts of files, and the lines of files by their places."""

    def snapshot(self) -> AbstractContextManager[None]:
        """Do nothing: no line is ever changed, and callers read states before the lines that these count."""
        return nullcontext()

    def save_layouts(self, parts: Sequence[LayoutPart]) -> int:
        """Store layouts of files, replacing parts with the same id; return how many."""
        with self._one_line():
            parts = self._unmarked_layouts(parts)
            for some in chunks(parts, _SAVED_AT_ONCE_BYTES, weight=lambda part: len(part.content)):
                replacements = [ReplaceOne({"_id": part.id}, _document(part), upsert=True) for part in some]
                self._persist(partial(self._database[LAYOUTS].bulk_write, replacements, ordered=False))
        return len(parts)

    def layouts(self, host: str, source_file: str, version: int) -> Iterator[LayoutPart]:
        """Yield the layout of this version of a file."""
        return self._layouts({"host": host, "sourceFile": source_file, "version": version})

    def all_layouts(self) -> Iterator[LayoutPart]:
        """Yield the layouts of every host's files, in a fixed order."""
        return self._layouts({})

    def _layouts(self, query: dict[str, Any]) -> Iterator[LayoutPart]:
        with self._one_line():
            for found in self._database[LAYOUTS].find(query).sort("_id", 1):
                place = found["host"], found["sourceFile"], found["version"], found["byteOffset"]
                yield LayoutPart(*place, bytes(found["content"]))

    def count_layouts(self) -> int:
        """Return the number of parts, from the collection's metadata."""
        with self._one_line():
            return self._persist(self._database[LAYOUTS].estimated_document_count)

    def lines_of(self, host: str, source_files: Collection[str]) -> Iterator[PlacedLine]:
        """Yield the lines that were stored from these files of a host. Reads the whole store."""
        fields = {"sourceFile": 1, "byteOffset": 1}
        with self._one_line():
            for some in chunks(source_files, _NAMES_AT_ONCE):
                query = {"host": host, "sourceFile": {"$in": some}, "byteOffset": {"$gte": 0}}
                for found in self._database[CONVERSATIONS].find(query, fields):
                    if isinstance(found["_id"], str):
                        yield PlacedLine(found["sourceFile"], int(found["byteOffset"]), found["_id"])


def _document(part: LayoutPart) -> dict[str, Any]:
    return {
        "_id": part.id,
        "host": part.host,
        "sourceFile": part.source_file,
        "version": part.version,
        "byteOffset": part.byte_offset,
        "content": Binary(part.content),
    }
