"""The rows of conversations, session by session: messages, calls, results, and their cost."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import duckdb

_CHUNK = 2000
_LOCAL = "strftime(timezone(current_setting('TimeZone'), {0}), '%Y-%m-%d %H:%M:%S')"

# With a list function, DuckDB reads the other columns only for matching rows, but completely for `in`, which becomes a
# join. The function compares with each id, so it is only for a few.
_FEW = 100
_ONE_OF_FEW = """list_contains(from_json($ids, '["VARCHAR"]'), session_id)"""
_ONE_OF_MANY = """session_id in (select unnest(from_json($ids, '["VARCHAR"]')))"""
_CHOSEN = "{chosen}"

NO_LONGER_KEPT = "(text no longer kept)"
"""Replaces a text that TEXT_RETENTION_DAYS removed."""


def _or_gone(text: str, length: str) -> str:
    return f"coalesce({text}, if(b.kept_facts is not null and {length} > 0, '{NO_LONGER_KEPT}', null))"


_TEXT_LENGTH = "try_cast(b.kept_facts ->> '$.text_length' as bigint)"

# A resumed session may have several versions of one line: the one that counts is shown, or the first.
BLOCKS = f"""\
with kept as (
    select
        session_id, message_key, copy_key, turn_type, is_subagent, agent_id, is_copy, is_progress, request_key, sent_at,
        command_name, if(turn_type in ('human_prompt', 'slash_command', 'shell_command', 'agent_prompt'),
        message_text, null) as typed
    from marts.fct_messages
    where {_CHOSEN}
    qualify row_number() over (
        partition by session_id, copy_key order by is_copy, is_progress, sent_at nulls last, message_key
    ) = 1
)
select
    m.session_id, {_LOCAL.format("m.sent_at")}, m.message_key, m.turn_type, m.is_subagent, m.agent_id, m.is_copy,
    m.request_key, m.command_name, m.typed, b.block_index, b.block_type,
    {_or_gone("b.block_text", _TEXT_LENGTH)}, b.tool_use_id, b.tool_name,
    {_or_gone("cast(b.tool_input as varchar)", "b.tool_input_length")},
    if(b.kept_facts is null, b.tool_input_length, null),
    {_or_gone("b.tool_result_text", "b.tool_result_length")}, if(b.kept_facts is null, b.tool_result_length, null),
    b.is_error,
    c.tool_call_key, c.outcome, c.duration_ms, c.lines_added, c.lines_removed
from kept as m
inner join (select * from raw.conversations where {_CHOSEN}) as b on m.message_key = b.document_id
left join marts.fct_tool_calls as c on m.message_key = c.message_key and b.tool_use_id = c.tool_use_id
order by m.session_id, m.sent_at nulls last, b.source_file, b.byte_offset nulls last, m.message_key, b.block_index"""

REQUESTS = f"""\
select
    session_id, request_key, {_LOCAL.format("requested_at")}, agent_id, model, input_tokens, output_tokens,
    cache_read_tokens, cache_creation_tokens, cost_usd
from marts.fct_api_requests
where {_CHOSEN}
order by session_id, requested_at nulls last, request_key"""

AGENTS = f"""\
select
    session_id, agent_id, spawn_tool_call_key, {_LOCAL.format("started_at")}, agent_type, description, duration_ms
from marts.dim_agents
where {_CHOSEN}
order by session_id, started_at nulls last, agent_key"""

# Errors and interruptions are messages, too, and shown like messages.
EVENTS = f"""\
select session_id, {_LOCAL.format("occurred_at")}, agent_id, replace(event_kind, '_', ' '), note
from marts.fct_session_events
where event_kind in ('api_retry', 'compaction', 'model_fallback', 'note') and {_CHOSEN}
order by session_id, occurred_at nulls last, event_key"""

COMMITS = f"""\
select
    session_id, {_LOCAL.format("occurred_at")}, tool_call_key, replace(git_event, '_', ' '),
    coalesce(left(commit_sha, 10), pull_request_url, branch, '')
from marts.fct_commits
where {_CHOSEN}
order by session_id, occurred_at nulls last, commit_key"""

SESSIONS = f"""\
select
    s.session_id, s.title, p.project_name, s.host, {_LOCAL.format("s.started_at")}, {_LOCAL.format("s.ended_at")},
    s.last_git_branch, s.last_version
from marts.dim_sessions as s
left join marts.dim_projects as p on s.project_id = p.project_id
where {_CHOSEN}
order by s.session_id"""


class Block(NamedTuple):
    """One content block of one line, in the order in which the session went."""

    session_id: str
    time: str | None
    message_key: str
    turn: str
    is_subagent: bool
    agent_id: str | None
    is_copy: bool
    request_key: str | None
    command_name: str | None
    typed: str | None
    place: int
    type: str | None
    text: str | None
    tool_use_id: str | None
    tool_name: str | None
    tool_input: str | None
    input_length: int | None
    result: str | None
    result_length: int | None
    is_error: bool | None
    tool_call_key: str | None
    outcome: str | None
    duration_ms: int | None
    lines_added: int | None
    lines_removed: int | None


class Request(NamedTuple):
    """One response of a model and its cost."""

    session_id: str
    key: str
    time: str | None
    agent_id: str | None
    model: str | None
    input: int | None
    output: int | None
    cache_read: int | None
    cache_write: int | None
    cost: float | None


class Agent(NamedTuple):
    """One sub-agent, and the call that started it, if known."""

    session_id: str
    agent_id: str | None
    spawned_by: str | None
    time: str | None
    type: str | None
    description: str | None
    duration_ms: int | None


class Event(NamedTuple):
    """A retry, a compaction, a change of the model or a note of Claude Code."""

    session_id: str
    time: str | None
    agent_id: str | None
    what: str
    note: str | None


class Commit(NamedTuple):
    """A commit, push or pull request."""

    session_id: str
    time: str | None
    tool_call_key: str | None
    what: str
    reference: str


class About(NamedTuple):
    """The facts of a session as a whole."""

    session_id: str
    title: str | None
    project: str | None
    host: str | None
    started: str | None
    ended: str | None
    branch: str | None
    version: str | None


@dataclass
class SessionRows:
    """All rows of one session's conversation."""

    about: About
    blocks: list[Block]
    requests: list[Request] = field(default_factory=list)
    agents: list[Agent] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)


def session_rows(connection: duckdb.DuckDBPyConnection, ids: list[str]) -> Iterator[SessionRows]:
    """Yield the rows of each of these sessions. Only one session's are in memory, besides the short ones of all."""
    of_chosen = _ONE_OF_FEW if len(ids) <= _FEW else _ONE_OF_MANY
    chosen = {"ids": json.dumps(ids)}  # as one text: DuckDB inspects the Python type of every element of a list
    short = {
        name: _by_session(connection, sql.format(chosen=of_chosen), row, chosen)
        for name, sql, row in (
            ("requests", REQUESTS, Request),
            ("agents", AGENTS, Agent),
            ("events", EVENTS, Event),
            ("commits", COMMITS, Commit),
        )
    }
    abouts = {
        row[0]: About._make(row) for row in connection.execute(SESSIONS.format(chosen=of_chosen), chosen).fetchall()
    }
    said = groupby(_streamed(connection, BLOCKS.format(chosen=of_chosen), chosen), key=itemgetter(0))
    for session_id, rows in said:
        about = abouts.pop(session_id, None)
        if about:
            blocks = [Block._make(row) for row in rows]
            yield SessionRows(about, blocks, **{name: found.get(session_id, []) for name, found in short.items()})
    for session_id, about in abouts.items():  # sessions without a message
        yield SessionRows(about, [], **{name: found.get(session_id, []) for name, found in short.items()})


def _by_session(
    connection: duckdb.DuckDBPyConnection, sql: str, row: Any, chosen: dict[str, str]
) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for values in connection.execute(sql, chosen).fetchall():
        found.setdefault(values[0], []).append(row._make(values))
    return found


def _streamed(connection: duckdb.DuckDBPyConnection, sql: str, chosen: dict[str, str]) -> Iterator[tuple[Any, ...]]:
    result = connection.execute(sql, chosen)
    while rows := result.fetchmany(_CHUNK):
        yield from rows
