"""The use of marks in both record stores: find forgotten lines and files, and refuse them."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from typing import TypeVar

from records.file_state import FileState
from records.forgotten import (
    FILE_AS_IT_WAS,
    TEXT,
    ForgetRequest,
    Mark,
    Origin,
    file_marks,
    file_name,
    keys_of,
    line_marks,
    mark_of,
    session_marks,
)
from records.layouts import LayoutPart
from records.store import RejectedLine, StoredLine

Kept = TypeVar("Kept", StoredLine, RejectedLine)


class Refusing(ABC):
    """A record store that knows what to refuse."""

    @abstractmethod
    def forget_requests(self) -> list[ForgetRequest]:
        """Return the log of requests, the oldest first."""

    @abstractmethod
    def add_marks(self, marks: Sequence[Mark]) -> None:
        """Add marks; existing ones are kept."""

    @abstractmethod
    def marks_among(self, marks: Collection[str]) -> set[str]:
        """Return those of these marks that exist."""

    def refused(self, origins: Sequence[Origin]) -> set[str]:
        """Return the ids of those of these lines that are forgotten."""
        keys = keys_of(self.forget_requests())
        if not keys or not origins:
            return set()
        marks = {origin.line_id: line_marks(keys, origin) for origin in origins}
        found = self.marks_among({mark for some in marks.values() for mark in some})
        return {line_id for line_id, some in marks.items() if not found.isdisjoint(some)} if found else set()

    def refused_files(self, states: Iterable[FileState]) -> set[str]:
        """Return the ids of these files that need not be read: their session or all their lines are forgotten."""
        keys = keys_of(self.forget_requests())
        return self._with_marks({state.id: file_marks(keys, state) for state in states} if keys else {})

    def forget_file(self, state: FileState) -> None:
        """Record that every line of this version of the file is forgotten, so that it is not read again."""
        request = [request for request in self.forget_requests() if request.kind != TEXT][-1]
        self.add_marks([Mark(mark_of(request.key, FILE_AS_IT_WAS, file_name(state)), request.id)])

    def _with_marks(self, marks: dict[str, list[str]]) -> set[str]:
        found = self.marks_among({mark for some in marks.values() for mark in some}) if marks else set()
        return {name for name, some in marks.items() if not found.isdisjoint(some)}

    def _without_refused(self, lines: Sequence[Kept]) -> Sequence[Kept]:
        refused = self.refused([origin_of(line) for line in lines])
        return [line for line in lines if line.line_id not in refused] if refused else lines

    def _unmarked_states(self, states: Sequence[FileState]) -> Sequence[FileState]:
        keys = keys_of(self.forget_requests())
        if not keys:
            return states
        refused = self._with_marks({state.id: file_marks(keys, state) for state in states})
        return [state for state in states if state.id not in refused]

    def _unmarked_layouts(self, parts: Sequence[LayoutPart]) -> Sequence[LayoutPart]:
        keys = keys_of(self.forget_requests())
        if not keys:
            return parts
        refused = self._with_marks({part.id: session_marks(keys, part.source_file) for part in parts})
        return [part for part in parts if part.id not in refused]


def origin_of(line: StoredLine | RejectedLine) -> Origin:
    """Return the fields that decide whether this line is forgotten."""
    session = line.session_id if isinstance(line, StoredLine) else None
    return Origin(line.line_id, session, line.place.source_file)
