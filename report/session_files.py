"""The conversations beside the report, a file per session, and the files for search, one per month.

Only changed files are written: each has in its first line the fingerprint of its rows. The file of a deleted session is
deleted as well. If killed at any point, the next report continues from the existing files.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from report.conversation import conversation, search_text
from report.conversation_rows import session_rows
from report.packed import SUFFIX, fingerprint_of, private_folder, read_packed, write_packed

FORMAT = 1
"""Increment it if the page's format of the files changes; all are rewritten then."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ROWS_AT_ONCE = 150_000

# The columns that conversation_rows.py reads, with `load_id` and `loaded_at` instead of the texts: a line's texts only
# change when it is loaded again.
_STATE = """\
select
    session_id,
    any_value(month) as month,
    cast(sum(part) as varchar) as rows,
    count(*) as size
from (
    select
        session_id,
        hash(
            message_key, copy_key, turn_type, is_subagent, agent_id, is_copy, is_progress, request_key, sent_at,
            command_name
        ) as part,
        null as month
    from marts.fct_messages
    union all
    select
        session_id,
        hash(tool_call_key, message_key, tool_use_id, outcome, duration_ms, lines_added, lines_removed),
        null
    from marts.fct_tool_calls
    union all
    select
        session_id,
        hash(
            request_key, requested_at, agent_id, model, input_tokens, output_tokens, cache_read_tokens,
            cache_creation_tokens, cost_usd
        ),
        null
    from marts.fct_api_requests
    union all
    select session_id, hash(t), null from marts.dim_agents as t
    union all
    select session_id, hash(t), null from marts.fct_session_events as t
    union all
    select session_id, hash(t), null from marts.fct_commits as t
    union all
    select session_id, hash(conversation_id, load_id, loaded_at), null from raw.conversations
    union all
    select
        s.session_id,
        hash(s, p.project_name),
        if(
            year(s.started_at) between 2000 and 2100,
            strftime(timezone(current_setting('TimeZone'), s.started_at), '%Y-%m'),
            'undated'
        )
    from marts.dim_sessions as s
    left join marts.dim_projects as p on s.project_id = p.project_id
)
where session_id is not null
group by session_id
having count(month) > 0
order by month desc, session_id"""


@dataclass(frozen=True)
class Kept:
    """The page's description of the files beside the report."""

    folder: str
    names: dict[str, str]
    """The files of sessions whose id is not a valid file name."""
    searched: tuple[str, ...]
    """The files for search, newest month first."""


@dataclass(frozen=True)
class _Session:
    id: str
    month: str
    fingerprint: str
    size: int

    @property
    def name(self) -> str:
        return file_name(self.id)


@dataclass
class _Month:
    """The sessions that began in a month: the stale files, and the search texts of the others."""

    file: str
    members: list[_Session]
    fingerprint: str
    stale: set[str]
    search_is_stale: bool
    texts: dict[str, dict[str, Any]]

    @classmethod
    def of(cls, folder: Path, name: str, members: list[_Session]) -> "_Month":
        """Compare the folder with the expected files."""
        file = f"search-{name}"
        fingerprint = _digest(*(part for session in members for part in (session.id, session.fingerprint)))
        stale = {session.id for session in members if _is_stale(folder, session.name, session.fingerprint)}
        search_is_stale = _is_stale(folder, file, fingerprint)
        texts = _kept_texts(folder / f"{file}{SUFFIX}", members) if search_is_stale else {}
        return cls(file, members, fingerprint, stale, search_is_stale, texts)

    @property
    def wanted(self) -> list[_Session]:
        """The sessions that have to be read again."""
        lost = {session.id for session in self.members} - self.texts.keys() if self.search_is_stale else set()
        return [session for session in self.members if session.id in self.stale | lost]

    @property
    def size(self) -> int:
        return sum(session.size for session in self.wanted)

    def write_search(self, folder: Path) -> None:
        """Write the month's file for search if it is stale, and free its memory."""
        if self.search_is_stale:
            found = [self.texts[session.id] for session in self.members if session.id in self.texts]
            write_packed(folder, self.file, self.fingerprint, found)
        self.texts = {}


def folder_of(report: Path) -> Path:
    """Return the folder for what belongs to a report."""
    return report.with_name(f"{report.stem}_sessions")


def file_name(session_id: str) -> str:
    """Return the name of a session's file without its suffix. An id may be any text."""
    if _UUID.fullmatch(session_id):
        return session_id
    return f"session-{hashlib.sha256(session_id.encode()).hexdigest()[:32]}"


def write_sessions(connection: duckdb.DuckDBPyConnection, folder: Path) -> Kept:
    """Write changed files, delete those of deleted sessions, and return a description of all."""
    sessions = _state(connection)
    private_folder(folder)
    by_month: dict[str, list[_Session]] = defaultdict(list)
    for session in sessions:
        by_month[session.month].append(session)
    months = [_Month.of(folder, name, members) for name, members in by_month.items()]
    for together in _groups(months):
        _write_months(connection, folder, together)
    searched = tuple(month.file for month in months)
    _delete_others(folder, {*searched, *(session.name for session in sessions)})
    names = {session.id: session.name for session in sessions if session.name != session.id}
    return Kept(folder.name, names, searched)


def _state(connection: duckdb.DuckDBPyConnection) -> list[_Session]:
    try:
        found = connection.execute(_STATE).fetchall()
    except duckdb.CatalogException:  # as in a database without history
        return []
    [zone] = connection.execute("select current_setting('TimeZone')").fetchall()
    settings = (str(FORMAT), zone[0])
    return [_Session(id_, month, _digest(*settings, rows, str(size)), size) for id_, month, rows, size in found]


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _groups(months: list[_Month]) -> Iterator[list[_Month]]:
    """Months that are read together: each query scans whole tables, so there should be few."""
    group: list[_Month] = []
    for month in months:
        if group and sum(queued.size for queued in group) + month.size > _ROWS_AT_ONCE:
            yield group
            group = []
        group.append(month)
    yield group


def _write_months(connection: duckdb.DuckDBPyConnection, folder: Path, months: list[_Month]) -> None:
    wanted = {session.id: (session, month) for month in months for session in month.wanted}
    for opened in _conversations(connection, [session for session, _ in wanted.values()]):
        session, month = wanted[opened["id"]]
        if session.id in month.stale:
            write_packed(folder, session.name, session.fingerprint, opened)
        month.texts[session.id] = _text_of(session, opened)
    for month in months:
        month.write_search(folder)


def _is_stale(folder: Path, name: str, fingerprint: str) -> bool:
    return fingerprint_of(folder / f"{name}{SUFFIX}") != fingerprint


def _text_of(session: _Session, conversation: dict[str, Any]) -> dict[str, Any]:
    about = {name: conversation[name] for name in ("id", "title", "project", "started", "cost")}
    return {**about, "fingerprint": session.fingerprint, "steps": search_text(conversation)}


def _kept_texts(path: Path, members: list[_Session]) -> dict[str, dict[str, Any]]:
    """Return the month file's texts of unchanged sessions."""
    fingerprints = {session.id: session.fingerprint for session in members}
    kept = read_packed(path)
    texts = kept if isinstance(kept, list) else []  # another format, from a later version
    return {text["id"]: text for text in texts if fingerprints.get(text["id"]) == text["fingerprint"]}


def _conversations(connection: duckdb.DuckDBPyConnection, wanted: list[_Session]) -> Iterator[dict[str, Any]]:
    for batch in _batches(wanted):
        for rows in session_rows(connection, [session.id for session in batch]):
            yield conversation(rows)


def _batches(sessions: list[_Session]) -> Iterator[list[_Session]]:
    """Sessions in groups that one query reads: each scans the whole table, so there should be few."""
    batch: list[_Session] = []
    size = 0
    for session in sessions:
        batch.append(session)
        size += session.size
        if size >= _ROWS_AT_ONCE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _delete_others(folder: Path, expected: set[str]) -> None:
    for path in folder.glob(f"*{SUFFIX}"):
        if path.stem not in expected and fingerprint_of(path) is not None:
            path.unlink(missing_ok=True)
