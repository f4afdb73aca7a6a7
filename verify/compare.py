"""Compares the published marts with a count of its own from the transcript files.

What the files hold must be in the database, to the token. The database may hold more: Claude Code deletes transcripts
after about 30 days, and other machines' transcripts are not here. So what lies only in the database is told apart: it
is history where it comes from transcripts that are no longer here whole, else a difference. What was written to the
files since the collector last looked is left out and said.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from common.errors import AnalyticsError
from verify.recount import TOKENS, Recount, count_file, transcript_files

MEASURES = ("responses", *TOKENS)
NO_DAY = "no date"

Cell = tuple[str, str]
"""A local day and a model."""
Sums = dict[Cell, Counter[str]]


class VerifyError(AnalyticsError):
    """There is nothing to compare with or from; the message says what and what to do."""


@dataclass(frozen=True)
class Difference:
    """A figure that differs. `day` and `model` are empty where the figure has none."""

    measure: str
    day: str
    model: str
    in_files: int
    in_database: int
    example: str = ""


@dataclass(frozen=True)
class VerifyReport:
    """What was compared, what differs, and what only one side can know."""

    files: int
    sessions: int
    tool_calls: int
    responses: int
    days: int
    differences: tuple[Difference, ...]
    only_in_database: dict[str, int]
    """Sessions, tool calls, responses and tokens whose transcripts are no longer here whole."""
    not_yet_collected: int
    """Bytes in the files that were written after the collector last looked."""

    @property
    def agrees(self) -> bool:
        """True when everything in the files is in the database, as it is there."""
        return not self.differences


@dataclass(frozen=True)
class _Row:
    """A response as the database has it."""

    session: str
    day: str
    model: str
    tokens: tuple[int, ...]


@dataclass(frozen=True)
class _Published:
    """What the marts say, and which sessions and responses have lines in transcripts that are gone."""

    responses: dict[str, _Row]
    without_id: list[_Row]
    sessions: set[str]
    tool_calls: dict[str, str]
    lost_sessions: set[str]
    lost_responses: set[str]


def verify(published_database: Path, transcripts: Sequence[Path], timezone: str) -> VerifyReport:
    """Count again and compare. The timezone must be the one that the database was built with."""
    for folder in transcripts:
        if not folder.is_dir():
            raise VerifyError(f"transcripts: expected a directory, found nothing at {folder}; pass --transcripts")
    if not published_database.exists():
        raise VerifyError(f"expected a published database at {published_database}, found none; start with a run")
    with duckdb.connect(str(published_database), read_only=True) as connection:
        files = transcript_files(transcripts)
        limits = _limits(connection, files)
        published = _read_marts(connection, [name for name in files if name not in limits.reset])
    recount = Recount()
    for name, path in files.items():
        if name not in limits.unseen:
            count_file(recount, name, path, limits.read_bytes.get(name))
    return _compare(recount, published, ZoneInfo(timezone), limits.not_yet_collected)


@dataclass(frozen=True)
class _Limits:
    """How far files that have grown since were read, and which are newer than the last look."""

    read_bytes: dict[str, int]
    unseen: set[str]
    reset: set[str]
    not_yet_collected: int


def _limits(connection: duckdb.DuckDBPyConnection, files: dict[str, Path]) -> _Limits:
    rows = connection.execute(
        "select source_file, max(read_bytes), epoch(max(collected_at)), max(resets)"
        " from raw.transcript_files group by source_file"
    ).fetchall()
    looked = {name: (read or 0, at or 0.0) for name, read, at, _ in rows}
    last_look = max((at for _, at in looked.values()), default=0.0)
    grown, unseen, left = {}, set(), 0
    for name, path in files.items():
        about = path.stat()
        read, at = looked.get(name, (0, last_look))
        if about.st_mtime <= at or about.st_size <= read:
            continue  # all of it was there to be collected
        left += about.st_size - read
        if name in looked:
            grown[name] = read
        else:
            unseen.add(name)
    return _Limits(grown, unseen, {name for name, _, _, resets in rows if resets}, left)


def _read_marts(connection: duckdb.DuckDBPyConnection, intact: list[str]) -> _Published:
    def rows(sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return connection.execute(sql, list(parameters)).fetchall()

    responses: dict[str, _Row] = {}
    without_id: list[_Row] = []
    columns = ", ".join(TOKENS)
    for message, session, date_key, model, *tokens in rows(
        f"select message_id, coalesce(session_id, ''), date_key, model, {columns} from marts.fct_api_requests"
    ):
        row = _Row(session, _day_of_key(date_key), model, tuple(tokens))
        if message:
            responses[message] = row
        else:
            without_id.append(row)
    gone = "from raw.conversations where coalesce(source_file, '') not in (select unnest(cast(? as varchar[])))"
    return _Published(
        responses,
        without_id,
        {session for (session,) in rows("select session_id from marts.dim_sessions")},
        dict(rows("select tool_call_key, coalesce(session_id, '') from marts.fct_tool_calls")),
        {session for (session,) in rows(f"select distinct coalesce(session_id, '') {gone}", intact)},
        {message for (message,) in rows(f"select distinct message_id {gone} and message_id is not null", intact)},
    )


def _day_of_key(date_key: int | None) -> str:
    digits = str(date_key)
    return NO_DAY if date_key is None else f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"


def _compare(recount: Recount, published: _Published, zone: ZoneInfo, not_yet_collected: int) -> VerifyReport:
    in_files, in_database, history = _sum_responses(recount, published, zone)
    differences = _cell_differences(in_files, in_database)
    extra_sessions = published.sessions - recount.sessions
    differences += _set_difference(
        "sessions", recount.sessions, published.sessions, extra_sessions - published.lost_sessions
    )
    extra_calls = published.tool_calls.keys() - recount.tool_calls
    unexplained = {call for call in extra_calls if published.tool_calls[call] not in published.lost_sessions}
    differences += _set_difference("tool calls", recount.tool_calls, set(published.tool_calls), unexplained)
    history |= {"sessions": len(extra_sessions), "tool_calls": len(extra_calls - unexplained)}
    return VerifyReport(
        files=recount.files,
        sessions=len(recount.sessions),
        tool_calls=len(recount.tool_calls),
        responses=len(recount.responses),
        days=len({day for day, _ in in_files}),
        differences=tuple(differences),
        only_in_database=history,
        not_yet_collected=not_yet_collected,
    )


def _sum_responses(recount: Recount, published: _Published, zone: ZoneInfo) -> tuple[Sums, Sums, dict[str, int]]:
    """Both sides by day and model, and what the database alone knows."""
    in_files: Sums = defaultdict(Counter)
    in_database: Sums = defaultdict(Counter)
    history = Counter({"responses": 0, "tokens": 0})
    for key, response in recount.responses.items():
        at, model = recount.placed(response)
        day = at.astimezone(zone).date().isoformat() if at else NO_DAY
        tokens = tuple(response.tokens.values())
        row = published.responses.get(key)
        if row is not None and key in published.lost_responses and _has_grown(row, tokens):
            # lines that are gone from the files may have moved the response or raised its figures
            history["responses_with_lost_lines"] += 1
            continue
        _add(in_files, (day, model), tokens)
        if row is not None:
            _add(in_database, (row.day, row.model), row.tokens)
    others = [row for key, row in published.responses.items() if key not in recount.responses]
    for row in [*others, *published.without_id]:
        if row.session in published.lost_sessions and not _is_wanted(row, in_files, in_database):
            history["responses"] += 1
            history["tokens"] += sum(row.tokens)
        else:
            _add(in_database, (row.day, row.model), row.tokens)
    return in_files, in_database, dict(history)


def _has_grown(row: _Row, tokens: tuple[int, ...]) -> bool:
    return all(stored >= counted for stored, counted in zip(row.tokens, tokens, strict=True))


def _is_wanted(row: _Row, in_files: Sums, in_database: Sums) -> bool:
    """Whether a response without a message id can be one of the files': its day and model lack one there."""
    cell = (row.day, row.model)
    return cell in in_files and in_database[cell]["responses"] < in_files[cell]["responses"]


def _add(sums: Sums, cell: Cell, tokens: Iterable[int]) -> None:
    sums[cell].update({"responses": 1, **dict(zip(TOKENS, tokens, strict=True))})


def _cell_differences(in_files: Sums, in_database: Sums) -> list[Difference]:
    return [
        Difference(measure, *cell, in_files[cell][measure], in_database[cell][measure])
        for cell in sorted(in_files.keys() | in_database.keys())
        for measure in MEASURES
        if in_files[cell][measure] != in_database[cell][measure]
    ]


def _set_difference(measure: str, in_files: set[str], in_database: set[str], unexplained: set[str]) -> list[Difference]:
    missing = in_files - in_database
    if not missing and not unexplained:
        return []
    example = min(missing or unexplained)
    return [Difference(measure, "", "", len(in_files), len(in_files) - len(missing) + len(unexplained), example)]
