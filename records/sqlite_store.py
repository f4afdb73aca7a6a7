"""The record store in one SQLite file: lines, rejected lines and file states, each batch in one durable transaction."""

import json
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from records.file_state import FileState, as_utc
from records.lines import text_of
from records.sqlite_layouts import SqliteLayouts
from records.store import EARLIEST, EPOCH, NewLine, Place, RejectedLine, Source, StoredLine

_MILLISECOND, _DAY = timedelta(milliseconds=1), timedelta(days=1)
_LINE_COLUMNS = (
    "line_id, session_id, uuid, line_type, host, project_id, source_file, byte_offset, ingested_at, content"
    " from lines join sources using (source_id)"
)
_INSERT_LINE = (
    "insert or ignore into lines (line_id, ingested_at, source_id, byte_offset, session_id, uuid, line_type, content)"
    " values (?, ?, ?, ?, ?, ?, ?, ?)"
)
_REPLACE_STATE = "insert or replace into file_states values (?, ?, ?)"
_INSERT_REJECTED = (
    "insert or ignore into rejected_lines (line_id, ingested_at, source_id, byte_offset, reason, content)"
    " values (?, ?, ?, ?, ?, ?)"
)


class SqliteStore(SqliteLayouts):
    """The record store of the standalone mode."""

    # Writing

    def insert_lines(self, lines: Sequence[NewLine]) -> list[Source | None]:
        """Store lines; return for each the source of the existing line, or None if it is new."""
        if not lines:
            return []
        with self._transaction():
            known = self._known([new.line_id for new in lines])
            moment = self._stamp()
            stamp = _milliseconds(moment)
            rows, outcomes = [], []
            for new in lines:
                outcomes.append(known.get(new.line_id))
                if new.line_id not in known:
                    known[new.line_id] = Source(new.place.host, new.place.source_file, new.place.byte_offset, moment)
                    rows.append(self._new_row(new, stamp))
            self._connection.executemany(_INSERT_LINE, rows)
        return outcomes

    def _new_row(self, new: NewLine, stamp: int) -> tuple[Any, ...]:
        described = (text_of((new.line.value or {}).get(name)) for name in ("sessionId", "uuid", "type"))
        return (new.line_id, stamp, self._source_id(new.place), new.place.byte_offset, *described, new.line.raw)

    def _known(self, line_ids: list[str]) -> dict[str, Source | None]:
        found = self._connection.execute(
            "select line_id, host, source_file, byte_offset, ingested_at from lines join sources using (source_id)"
            " where line_id in (select value from json_each(?))",
            [json.dumps(line_ids)],
        )
        return {line_id: Source(host, file, offset, _moment(stamp)) for line_id, host, file, offset, stamp in found}

    def _stamp(self) -> datetime:
        """Return this transaction's moment of ingestion: later than every earlier one, whatever the clock says."""
        newest = self._connection.execute("select max(ingested_at) from lines").fetchone()[0]
        now = self.now()
        # A restored line may lie in the future; following it would stamp every new line there.
        return max(now, _moment(newest) + _MILLISECOND) if newest and _moment(newest) < now + _DAY else now

    def _source_id(self, place: Place) -> int:
        origin = Place(place.host, place.project_id, place.source_file, None)
        if origin not in self._sources:
            names = [origin.host, origin.project_id, origin.source_file]
            query = "select source_id from sources where host is ? and project_id is ? and source_file is ?"
            found = self._connection.execute(query, names).fetchone()
            inserted = (
                found
                or self._connection.execute(
                    "insert into sources (host, project_id, source_file) values (?, ?, ?) returning source_id", names
                ).fetchone()
            )
            self._sources[origin] = inserted[0]
        return self._sources[origin]

    def insert_rejected(self, lines: Sequence[RejectedLine]) -> None:
        """Store rejected lines, ignoring existing ones."""
        self.restore_rejected(lines)

    def save_states(self, states: Iterable[FileState]) -> None:
        """Store the states of these files, replacing earlier ones."""
        now = self.now()
        rows = []
        for state in self._unmarked_states(list(states)):
            state.collected_at = now
            rows.append((state.host, state.source_file, state.to_json()))
        with self._transaction():
            self._connection.executemany(_REPLACE_STATE, rows)

    def restore_lines(self, lines: Sequence[StoredLine]) -> int:
        """Restore lines with their original moment of ingestion; return how many were missing."""
        with self._transaction():
            lines = self._without_refused(lines)
            rows = [(*self._placed(line), line.session_id, line.uuid, line.line_type, line.content) for line in lines]
            return self._connection.executemany(_INSERT_LINE, rows).rowcount

    def restore_rejected(self, lines: Sequence[RejectedLine]) -> int:
        """Restore rejected lines; return how many were missing."""
        with self._transaction():
            lines = self._without_refused(lines)
            rows = [(*self._placed(line), line.reason, line.raw) for line in lines]
            return self._connection.executemany(_INSERT_REJECTED, rows).rowcount

    def _placed(self, line: StoredLine | RejectedLine) -> tuple[str, int, int, int | None]:
        stamp = _milliseconds(line.ingested_at or self.now())
        return line.line_id, stamp, self._source_id(line.place), line.place.byte_offset

    def restore_states(self, states: Sequence[FileState]) -> int:
        """Restore the states of files, replacing those in the store; return how many."""
        with self._transaction():
            rows = [(state.host, state.source_file, state.to_json()) for state in self._unmarked_states(states)]
            self._connection.executemany(_REPLACE_STATE, rows)
        return len(rows)

    # Reading

    def states(self, host: str) -> dict[str, FileState]:
        """Return the states of this host's files by source file."""
        return {state.source_file: state for state in self._states("where host = ?", host)}

    def states_of(self, host: str, source_files: Collection[str]) -> dict[str, FileState]:
        """Return the known states of these files of a host, by source file."""
        clause = "where host = ? and source_file in (select value from json_each(?))"
        return {state.source_file: state for state in self._states(clause, host, json.dumps(list(source_files)))}

    def all_states(self) -> Iterator[FileState]:
        """Yield the states of every host's files."""
        return self._states("order by host, source_file")

    def _states(self, clause: str, *parameters: str) -> Iterator[FileState]:
        for (encoded,) in self._select(f"state from file_states {clause}", *parameters):
            yield FileState.from_json(encoded)

    def has_state(self, state: FileState) -> bool:
        """Return whether the store still has exactly this state."""
        query = "state from file_states where host = ? and source_file = ?"
        return [state.to_json()] == [encoded for (encoded,) in self._select(query, state.host, state.source_file)]

    def now(self) -> datetime:
        """Return this machine's time in whole milliseconds."""
        return _moment(time.time_ns() // 1_000_000)

    def synchronise(self) -> None:
        """Do nothing: the clock is this machine's."""

    def settled(self) -> datetime:
        """Return the newest moment of ingestion: a later transaction's is later."""
        (newest,) = next(self._select("max(ingested_at) from lines"))
        return min(_moment(newest), self.now()) if newest else EARLIEST

    def count(self) -> int:
        """Return the number of lines."""
        return self._number("count(*) from lines")

    def count_rejected(self) -> int:
        """Return the number of rejected lines."""
        return self._number("count(*) from rejected_lines")

    def count_states(self) -> int:
        """Return the number of files of every host whose state is kept."""
        return self._number("count(*) from file_states")

    def count_between(self, after: datetime, up_to: datetime) -> int:
        """Return the number of lines ingested in this range."""
        query = "count(*) from lines where ingested_at > ? and ingested_at <= ?"
        return self._number(query, _milliseconds(after), _milliseconds(up_to))

    def ids_between(self, after: datetime, up_to: datetime) -> Iterator[str]:
        """Yield the ids of the lines ingested in this range."""
        query = "line_id from lines where ingested_at > ? and ingested_at <= ?"
        for (line_id,) in self._select(query, _milliseconds(after), _milliseconds(up_to)):
            yield line_id

    def read_after(self, after: datetime) -> Iterator[StoredLine]:
        """Yield the lines ingested after this moment, in the order of ingestion."""
        query = f"{_LINE_COLUMNS} where ingested_at > ? order by ingested_at, position"
        return map(_stored, self._select(query, _milliseconds(after)))

    def undated_ids(self) -> Iterator[str]:
        """Yield nothing: every line here has its moment."""
        return iter(())

    def read_lines(self, line_ids: Sequence[str]) -> Iterator[StoredLine]:
        """Yield those of these lines that exist."""
        query = f"{_LINE_COLUMNS} where line_id in (select value from json_each(?))"
        return map(_stored, self._select(query, json.dumps(list(line_ids))))

    def rejected_ids(self) -> Iterator[str]:
        """Yield the ids of all rejected lines."""
        for (line_id,) in self._select("line_id from rejected_lines"):
            yield line_id

    def read_rejected(self, line_ids: Sequence[str]) -> Iterator[RejectedLine]:
        """Yield those of these rejected lines that exist."""
        query = (
            "line_id, content, reason, host, project_id, source_file, byte_offset, ingested_at from rejected_lines"
            " join sources using (source_id) where line_id in (select value from json_each(?))"
        )
        for line_id, content, reason, *place, stamp in self._select(query, json.dumps(list(line_ids))):
            yield RejectedLine(line_id, content, reason, Place(*place), _moment(stamp))


def _milliseconds(moment: datetime) -> int:
    return (moment - EPOCH) // _MILLISECOND


def _moment(stamp: int) -> datetime:
    return EPOCH + timedelta(milliseconds=stamp)


def _stored(row: tuple[Any, ...]) -> StoredLine:
    line_id, session_id, uuid, line_type, host, project_id, source_file, byte_offset, stamp, content = row
    place = Place(host, project_id, source_file, byte_offset)
    return StoredLine(line_id, session_id, uuid, line_type, place, as_utc(_moment(stamp)), content)
