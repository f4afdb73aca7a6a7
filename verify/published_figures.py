"""Reads each figure from the published database, and which of its lines are in no file any more."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from verify.answers import Response
from verify.counted_calls import ToolCall
from verify.files import stem
from verify.line_facts import Line
from verify.prompt_history import HISTORY
from verify.recount import Session

NO_DAY = "no date"
_ROWS = 10_000
_ID_LENGTH = 32
"""Letters of a line's id; documents of other tools have ids of other kinds."""


@dataclass(frozen=True)
class Limits:
    """How far files that have grown since were read, and which are newer than the last pass."""

    read_bytes: dict[str, int]
    unseen: set[str]
    intact: set[str]
    """Files that hold everything that was ever read from them."""
    not_yet_collected: int


@dataclass(slots=True)
class Lines:
    """How the lines of the files and of the database differ."""

    missing: set[bytes] = field(default_factory=set)
    """In the files and not in the database."""
    from_nowhere: list[str] = field(default_factory=list)
    """Of files that are here whole, and not in them: the ids."""
    lost: list[str] = field(default_factory=list)
    """Of transcripts that are gone or were written again, or of other tools: the ids."""
    losing: set[str] = field(default_factory=set)
    """Sessions of lines that are in no file."""
    sharing: set[str] = field(default_factory=set)
    """Sessions that hold a line or an answer together with a lost line: who owns it may not be known from the files."""


def place(session: str) -> str:
    """Return the session, or the bare name of the file that stands for one: the same line may lie in several."""
    return stem(session) if session.endswith((".jsonl", ".jsonl.gz")) else session


class Published:
    """A published database that is open for reading."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def _rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, list(parameters)).fetchall()

    def limits(self, files: dict[str, Path]) -> Limits:
        """Return how far the collector has read these files."""
        rows = self._rows(
            "select source_file, max(read_bytes), epoch(max(collected_at)), max(resets), bool_or(status = 'unreadable')"
            " from raw.transcript_files group by source_file"
        )
        looked = {name: (read or 0, at or 0.0) for name, read, at, *_ in rows}
        damaged = {name for name, *_, is_damaged in rows if is_damaged}
        last_look = max((at for _, at in looked.values()), default=0.0)
        grown, unseen, left = {}, set(), 0
        for name, path in files.items():
            stat = path.stat()
            read, at = looked.get(name, (0, last_look))
            if name not in damaged and (stat.st_mtime <= at or stat.st_size <= read):
                continue  # all of it existed at the last pass
            left += max(stat.st_size - read, 0)
            if name in looked:
                grown[name] = read
            else:
                unseen.add(name)
        reset = {name for name, _, _, resets, _ in rows if resets}
        return Limits(grown, unseen, files.keys() - reset, left)

    def arrivals(self, lines: Iterable[Line]) -> dict[bytes, float]:
        """Return when lines were collected."""
        ids = [line.id.hex() for line in lines]
        rows = self._rows(
            "select document_id, epoch(min(ingested_at)) from raw.conversations"
            " where document_id in (select unnest(cast(? as varchar[]))) group by document_id",
            ids,
        )
        return {bytes.fromhex(document): at for document, at in rows if at is not None}

    def lines(self, ids: set[bytes], intact: set[str]) -> Lines:
        """Compare the lines of the files with those that are stored. What could not be read is stored as well."""
        lines = Lines(missing=set(ids))
        rejected = self._rows("select document_id from raw.rejected_documents")
        lines.missing -= {bytes.fromhex(document) for (document,) in rejected if len(document) == _ID_LENGTH}
        self._connection.execute(
            "select document_id, source_file, coalesce("
            "if(ends_with(source_file, ?), null, nullif(session_id, '')), source_file, '')"
            " from raw.conversations where block_index = 0",
            [HISTORY],
        )
        while rows := self._connection.fetchmany(_ROWS):
            for document, source_file, session in rows:
                _sort_in(lines, ids, document, place(session), is_here=source_file in intact)
        lines.sharing = self._sharing(lines.lost + lines.from_nowhere)
        return lines

    def _sharing(self, lost: list[str]) -> set[str]:
        if not lost:
            return set()
        rows = self._rows(
            "with named as ("
            "select coalesce(nullif(session_id, ''), source_file, '') as session_key, document_id, unnest(["
            "'u' || nullif(uuid, ''), 'u' || nullif(forked_from_uuid, ''), 'm' || nullif(message_id, '')]) as name"
            " from raw.conversations where block_index = 0)"
            ", lost as (select * from named where document_id in (select unnest(cast(? as varchar[]))))"
            " select distinct unnest([named.session_key, lost.session_key]) from lost inner join named"
            " on lost.name = named.name and lost.session_key != named.session_key",
            lost,
        )
        return {place(session) for (session,) in rows}

    def responses(self) -> Counter[Response]:
        """Return every response."""
        rows = self._rows(
            "select session_key, message_id, epoch_us(requested_at), model, date_key,"
            " input_tokens, output_tokens, cache_read_tokens, cache_creation_tokens from marts.fct_api_requests"
        )
        return Counter(
            Response(place(session), message, at, model, (tokens[0], tokens[1], tokens[2], tokens[3]), day_of(date_key))
            for session, message, at, model, date_key, *tokens in rows
        )

    def tool_calls(self) -> Counter[ToolCall]:
        """Return every tool call."""
        rows = self._rows("select session_key, tool_use_id from marts.fct_tool_calls")
        return Counter(ToolCall(place(session), tool_id) for session, tool_id in rows)

    def dead_letters(self) -> dict[bytes, str]:
        """Return the ids of what could not be parsed, with the files."""
        rows = self._rows("select document_id, coalesce(source_file, '') from raw.dead_letters")
        return {bytes.fromhex(document): name for document, name in rows if len(document) == _ID_LENGTH}

    def history_prompts(self) -> dict[str, list[str]]:
        """Return the prompts of the history of prompts alone, by their lines, each time with the session it names."""
        rows = self._rows(
            "select prompt_key, list(coalesce(history_session_id, '')) from marts.fct_prompts"
            " where provenance = 'history' group by prompt_key"
        )
        return dict(rows)

    def sessions(self) -> dict[str, Session]:
        """Return every session, and every file of lines that name none and hold messages."""
        rows = self._rows("select session_id, epoch_us(started_at), coalesce(project_id, '') from marts.dim_sessions")
        sessions = {name: Session(at, project) for name, at, project in rows}
        for name, messages, prompts in self._rows(
            "select session_key, count(*) filter (where not is_copy), count(*) filter (where is_human_prompt)"
            " from marts.fct_messages group by session_key"
        ):
            session = sessions.setdefault(place(name), Session(is_named=False))
            session.messages += messages
            session.prompts += prompts
        return sessions


def _sort_in(lines: Lines, ids: set[bytes], document: str, session: str, *, is_here: bool) -> None:
    identity = bytes.fromhex(document) if len(document) == _ID_LENGTH else b""
    if identity in ids:
        lines.missing.discard(identity)
        return
    lines.losing.add(session)
    (lines.from_nowhere if is_here and identity else lines.lost).append(document)


def day_of(date_key: int | None) -> str:
    """Return a date key as a day."""
    digits = str(date_key)
    return NO_DAY if date_key is None else f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"
