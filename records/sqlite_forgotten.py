"""Forgetting in SQLite: the log of requests, their marks, and deletions that leave no byte."""

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager

from common.chunks import chunks
from records.file_state import FileState
from records.forgotten import ForgetRequest, Mark
from records.layouts import LayoutPart
from records.refusing import Refusing
from records.sqlite_file import SqliteFile
from records.store import RejectedLine, StoredLine

_AT_ONCE = 5_000


class SqliteForgotten(SqliteFile, Refusing):
    """What was forgotten, and how it is deleted."""

    def forget_requests(self) -> list[ForgetRequest]:
        """Return the log of requests, the oldest first."""
        found = (
            ForgetRequest.from_document(json.loads(row)) for (row,) in self._select("request from forget_requests")
        )
        return sorted(found, key=lambda request: (request.asked_at, request.id))

    def save_forget_request(self, request: ForgetRequest) -> None:
        """Write a request into the log, replacing its earlier entry."""
        with self._transaction():
            row = (request.id, json.dumps(request.to_document()))
            self._connection.execute("insert or replace into forget_requests values (?, ?)", row)

    def add_marks(self, marks: Sequence[Mark]) -> None:
        """Add marks; existing ones are kept."""
        with self._transaction():
            self._connection.executemany("insert or ignore into forgotten values (?, ?)", marks)

    def marks_among(self, marks: Collection[str]) -> set[str]:
        """Return those of these marks that exist."""
        query = "mark from forgotten where mark in (select value from json_each(?))"
        return {mark for some in chunks(marks, _AT_ONCE) for (mark,) in self._select(query, json.dumps(some))}

    def all_marks(self) -> Iterator[Mark]:
        """Yield every mark, in a fixed order."""
        return (Mark(*row) for row in self._select("mark, request_id from forgotten order by mark"))

    def delete_lines(self, line_ids: Collection[str]) -> int:
        """Delete these lines; return how many existed."""
        return self._delete("lines where line_id", line_ids)

    def delete_rejected(self, line_ids: Collection[str]) -> int:
        """Delete these rejected lines; return how many existed."""
        return self._delete("rejected_lines where line_id", line_ids)

    def _delete(self, where: str, names: Collection[str]) -> int:
        query, deleted = f"delete from {where} in (select value from json_each(?))", 0
        for some in chunks(names, _AT_ONCE):
            with self._erasing():
                deleted += self._connection.execute(query, [json.dumps(some)]).rowcount
        return deleted

    def delete_files(self, states: Sequence[FileState]) -> int:
        """Delete the states and layouts of these files; return how many."""
        names = [(state.host, state.source_file) for state in states]
        with self._erasing():
            for table in ("file_layouts", "file_states"):
                query = f"delete from {table} where host = ? and source_file = ?"
                deleted = self._connection.executemany(query, names).rowcount if names else 0
        return deleted

    def rewrite_lines(self, lines: Sequence[StoredLine]) -> None:
        """Replace the lines with the same ids; missing lines are not inserted."""
        self._rewrite("lines", [(line.content, line.line_id) for line in lines])

    def rewrite_rejected(self, lines: Sequence[RejectedLine]) -> None:
        """Replace the rejected lines with the same ids."""
        self._rewrite("rejected_lines", [(line.raw, line.line_id) for line in lines])

    def _rewrite(self, table: str, rows: list[tuple[bytes, str]]) -> None:
        with self._erasing():
            self._connection.executemany(f"update {table} set content = ? where line_id = ?", rows)

    def delete_layouts(self, parts: Sequence[LayoutPart]) -> None:
        """Delete these parts of layouts."""
        names = [(part.host, part.source_file, part.version, part.byte_offset) for part in parts]
        query = "delete from file_layouts where host = ? and source_file = ? and version = ? and byte_offset = ?"
        with self._erasing():
            self._connection.executemany(query, names)

    def erase(self) -> None:
        """Rewrite the file and empty its log, so that neither contains a deleted byte."""
        with self._erasing():
            used = "select source_id from lines union all select source_id from rejected_lines"
            self._connection.execute(f"delete from sources where source_id not in ({used})")
            self._sources.clear()
        with self._one_line():
            self._connection.execute("vacuum")
            self._connection.execute("pragma wal_checkpoint(truncate)")

    def _erasing(self) -> AbstractContextManager[None]:
        """Begin a transaction in which deleted content is overwritten by zeros."""
        with self._one_line():
            self._connection.execute("pragma secure_delete = on")
        return self._transaction()
