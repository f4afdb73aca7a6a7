"""Restoring transcripts from SQLite: where lines were read, and the layouts of their files."""

import json
from collections.abc import Collection, Iterator, Sequence

from records.layouts import LayoutPart
from records.sqlite_forgotten import SqliteForgotten
from records.store import PlacedLine

_COLUMNS = "host, source_file, version, byte_offset, content from file_layouts"


class SqliteLayouts(SqliteForgotten):
    """Layouts of files, and the lines of files by their places."""

    def save_layouts(self, parts: Sequence[LayoutPart]) -> int:
        """Store layouts of files, replacing parts with the same id; return how many."""
        wanted = self._unmarked_layouts(parts)
        rows = [(part.host, part.source_file, part.version, part.byte_offset, part.content) for part in wanted]
        with self._transaction():
            self._connection.executemany("insert or replace into file_layouts values (?, ?, ?, ?, ?)", rows)
        return len(rows)

    def layouts(self, host: str, source_file: str, version: int) -> Iterator[LayoutPart]:
        """Yield the layout of this version of a file."""
        clause = "where host = ? and source_file = ? and version = ?"
        return (LayoutPart(*row) for row in self._select(f"{_COLUMNS} {clause}", host, source_file, version))

    def all_layouts(self) -> Iterator[LayoutPart]:
        """Yield the layouts of every host's files, in a fixed order."""
        order = "order by host, source_file, version, byte_offset"
        return (LayoutPart(*row) for row in self._select(f"{_COLUMNS} {order}"))

    def count_layouts(self) -> int:
        """Return the number of parts."""
        return self._number("count(*) from file_layouts")

    def lines_of(self, host: str, source_files: Collection[str]) -> Iterator[PlacedLine]:
        """Yield the lines that were stored from these files of a host. Reads the whole store."""
        named = "source_id, source_file from sources where host = ?"
        names = {number: name for number, name in self._select(named, host) if name in source_files}
        query = (
            "source_id, byte_offset, line_id from lines"
            " where source_id in (select value from json_each(?)) and byte_offset is not null"
        )
        for number, byte_offset, line_id in self._select(query, json.dumps(list(names))):
            yield PlacedLine(names[number], byte_offset, line_id)
