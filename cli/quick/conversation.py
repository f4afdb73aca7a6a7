"""One session as a conversation: prompts, answers and tool calls in their order, sub-agents apart.

Lines that the session copied from another belong to that one. A tool's output is stored up to a limit, so only the
outcome of a call is shown.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cli.quick.database import Published
from cli.quick.selection import PROJECT_NAMES
from cli.quick.usage import BY_RESPONSE, MEASURES, Usage, measured
from common.errors import UsageError

_CANDIDATES = 5
_SPOKEN = (
    *("human_prompt", "slash_command", "shell_command", "agent_prompt", "assistant_text"),
    *("api_error", "compact_summary", "interruption"),
)
_DETAILS = ("pattern", "url", "query", "skill", "subject", "prompt", "path", "name")
"""Fields of a tool's input that summarise the call."""


@dataclass
class Part:
    """A message or a tool call."""

    kind: str
    """A message's turn type, or `tool_call`."""
    at: datetime | None
    text: str
    agent_id: str | None = None
    tool: str = ""
    outcome: str = ""
    duration_ms: int | None = None
    spawned_agent_id: str | None = None


@dataclass
class Conversation:
    """A session with its parts; those of a sub-agent are in `agents`, by its id."""

    session: dict[str, Any]
    usage: Usage
    parts: list[Part] = field(default_factory=list)
    agents: dict[str, list[Part]] = field(default_factory=dict)
    agent_facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    costs: list[tuple[datetime, int, float | None]] = field(default_factory=list)
    """Time, tokens and cost of each response."""


def find_session(published: Published, wanted: str) -> dict[str, Any]:
    """Return the session with this id or unique beginning of one; `latest` is the one that was last active."""
    latest = wanted == "latest"
    condition = "true" if latest else "starts_with(session_id, $wanted)"
    sql = f"""
        select
            session_id, title, started_at, ended_at, copied_line_count, projects.name as project, projects.path as path
        from marts.dim_sessions left join ({PROJECT_NAMES}) as projects using (project_id)
        where session_id is not null and {condition}
        order by session_id = $wanted desc, ended_at desc nulls last, session_id
        limit {_CANDIDATES + 1}
    """
    found = published.rows(sql, {"wanted": wanted})
    if not found:
        raise UsageError(f"no session id starts with {wanted!r}; ./analytics sessions lists them")
    if len(found) > 1 and not latest and found[0]["session_id"] != wanted:
        ids = ", ".join(row["session_id"] for row in found[:_CANDIDATES])
        more = ", ..." if len(found) > _CANDIDATES else ""
        raise UsageError(f"several session ids start with {wanted!r}: {ids}{more}; pass a longer prefix")
    return found[0]


def read_conversation(published: Published, session: dict[str, Any]) -> Conversation:
    """Return a session's messages and tool calls."""
    bound = {"session": session["session_id"]}
    total = published.rows(f"select {MEASURES} from ({BY_RESPONSE}) where session_id = $session", bound)[0]
    conversation = Conversation(session, measured(total))
    for row in published.rows(_PARTS, bound):
        part = _part(row)
        if row["is_subagent"]:
            conversation.agents.setdefault(row["agent_id"] or "", []).append(part)
        else:
            conversation.parts.append(part)
    conversation.agent_facts = {row["agent_id"]: row for row in published.rows(_AGENTS, bound)}
    responses = published.rows(_RESPONSES, bound)
    conversation.costs = [(row["requested_at"], row["tokens"], row["cost_usd"]) for row in responses]
    return conversation


NO_LONGER_KEPT = "(text no longer kept)"
"""Replaces a text that TEXT_RETENTION_DAYS removed."""
_PARTS = f"""
with places as (
    select document_id, min(source_file) as file, min(byte_offset) as place
    from raw.conversations where session_id = $session group by document_id
),
inputs as (
    select document_id, tool_use_id, any_value(tool_input) as tool_input
    from raw.conversations where session_id = $session and tool_use_id is not null and tool_input is not null
    group by all
),
reduced as (
    select document_id from raw.conversations where session_id = $session and kept_facts is not null
),
parts as (
    select
        message_key, turn_type as kind, sent_at as moment, coalesce(message_text, '{NO_LONGER_KEPT}') as text,
        agent_id, is_subagent, command_name,
        null as tool_name, null as outcome, null as duration_ms, null as spawned_agent_id, null as tool_input,
        null as error_text, 0 as step
    from marts.fct_messages
    where session_id = $session and not is_copy and turn_type in {_SPOKEN} and (
        message_text != ''
        or (message_text is null and text_length > 0 and message_key in (select document_id from reduced))
    )
    union all
    select
        message_key, 'tool_call', started_at, coalesce(command_text, file_path, description), agent_id, is_subagent,
        null, tool_name, outcome, duration_ms, spawned_agent_id, inputs.tool_input, error_text, 1
    from marts.fct_tool_calls as calls
    left join inputs on calls.message_key = inputs.document_id and calls.tool_use_id = inputs.tool_use_id
    where session_id = $session
)
select parts.* from parts left join places on parts.message_key = places.document_id
order by moment nulls last, file, place, step, tool_name
"""
_AGENTS = """
select agents.agent_id, agents.agent_type, usage.total_tokens, usage.cost_usd
from marts.dim_agents as agents
left join marts.agg_agent_usage as usage
    on agents.session_id = usage.session_id and agents.agent_id = usage.agent_id
where agents.session_id = $session and agents.agent_id is not null
"""
_RESPONSES = """
select requested_at, cost_usd, input_tokens + output_tokens + cache_read_tokens + cache_creation_tokens as tokens
from marts.fct_api_requests where session_id = $session and requested_at is not null order by requested_at
"""


def _part(row: dict[str, Any]) -> Part:
    text = row["text"] or ""
    if row["kind"] == "tool_call":
        text = text or _detail(row["tool_input"])
        if row["outcome"] in ("error", "denied") and row["error_text"]:
            text = f"{text}\n{row['error_text']}"
    elif row["kind"] == "slash_command" and row["command_name"]:
        text = _typed_command(row["command_name"], text)
    return Part(
        row["kind"], row["moment"], text, row["agent_id"], row["tool_name"] or "", row["outcome"] or "",
        row["duration_ms"], row["spawned_agent_id"],
    )  # fmt: skip


def _detail(tool_input: str | None) -> str:
    """Return a summary of a tool's input."""
    try:
        said = json.loads(tool_input or "")
    except ValueError:
        return ""
    if not isinstance(said, dict):
        return str(tool_input)
    for name in _DETAILS:
        if isinstance(said.get(name), str):
            return str(said[name])
    return json.dumps(said, ensure_ascii=False)


def _typed_command(name: str, text: str) -> str:
    _, _, rest = text.partition("<command-args>")
    arguments = rest.partition("</command-args>")[0].strip()
    return f"/{name.lstrip('/')} {arguments}".rstrip()
