"""Full-text search of the kept history: prompts, answers, and the input and output of tools.

There is no index: DuckDB reads the texts with one regular expression a word, the longest first. A message, a tool's
input or a tool's output matches where it holds every word. Sessions are ranked by their best match: what a person typed
counts four times, an answer twice; more matches and a later date count a little.
"""

import re
from dataclasses import dataclass
from typing import Any

from cli.quick.database import Published
from cli.quick.selection import PROJECT_NAMES, Selection
from common.errors import UsageError

_BEFORE, _LENGTH = 60, 400
_HALF_RANK_DAYS = 365


@dataclass(frozen=True)
class Found:
    """The sessions that match, the best first, and how many there are."""

    sessions: list[dict[str, Any]]
    count: int
    matches: int


def words(arguments: list[str]) -> list[str]:
    """Return what has to occur: each argument; within one that has quotes, each phrase and each other word."""
    found = []
    for argument in arguments:
        quoted = re.findall(r'"([^"]*)"|([^\s"]+)', argument) if '"' in argument else [(argument, "")]
        found += [" ".join((phrase or word).split()) for phrase, word in quoted]
    if not any(found):
        raise UsageError('expected words to look for, found none: ./analytics search retry "flaky test"')
    return sorted(filter(None, found), key=len, reverse=True)


def pattern(word: str) -> str:
    """Return a regular expression for a word or phrase; white space is as wide as it likes."""
    return r"\s+".join(re.escape(part) for part in word.split())


def search(published: Published, wanted: list[str], selection: Selection, limit: int) -> Found:
    """Return the sessions with messages that contain every word."""
    bound: dict[str, Any] = {f"word{number}": pattern(word) for number, word in enumerate(wanted)}
    bound |= {**selection.values, "limit": limit}
    rows = published.rows(_sql(len(wanted), selection.where), bound)
    count, matches = (rows[0]["session_count"], int(rows[0]["match_total"])) if rows else (0, 0)
    return Found(rows, count, matches)


def _matches(column: str, words: int) -> str:
    return " and ".join(f"regexp_matches({column}, $word{number}, 'i')" for number in range(words))


def _sql(words: int, where: str) -> str:
    tool_input = "cast(tool_input as varchar)"
    return f"""
        with texts as (
            select message_key, message_text as text from marts.fct_messages
            where not is_copy and {_matches("message_text", words)}
            union all
            select document_id, {tool_input} from raw.conversations where {_matches(tool_input, words)}
            union all
            select document_id, tool_result_text from raw.conversations where {_matches("tool_result_text", words)}
        ),
        hits as (
            select session_id, project_id, date_key, sent_at, turn_type, message_key, text
            from texts inner join marts.fct_messages using (message_key) where not is_copy
            union all
            select history_session_id, project_id, date_key, sent_at, 'remembered_prompt', prompt_key, prompt_text
            from marts.fct_prompts where provenance = 'history' and {_matches("prompt_text", words)}
        ),
        ranked as (
            select
                coalesce(session_id, message_key) as result_key,
                *,
                case
                    when turn_type in ('human_prompt', 'slash_command', 'shell_command', 'remembered_prompt') then 4
                    when turn_type in ('assistant_text', 'compact_summary') then 2
                    else 1
                end as weight,
                greatest(date_diff('day', sent_at, now()), 0) as age
            from hits where {where}
        ),
        sessions as (
            select
                result_key,
                any_value(session_id) as session_id,
                any_value(project_id) as project_id,
                bool_and(turn_type = 'remembered_prompt') as is_remembered,
                count(distinct message_key) as matches,
                max(sent_at) as last_match_at,
                arg_max(struct_pack(turn_type, text, sent_at), (weight, sent_at, message_key)) as best,
                (max(weight) + ln(count(distinct message_key))) / (1 + min(age) / {_HALF_RANK_DAYS}.0) as rank
            from ranked group by result_key
        )
        select
            sessions.session_id, sessions.matches, sessions.last_match_at, sessions.is_remembered, rank,
            dim_sessions.title, projects.name as project, projects.path as path,
            if(dim_sessions.session_id is not null and usage.session_id is null, 0, usage.cost_usd) as cost_usd,
            if(dim_sessions.session_id is not null, coalesce(usage.total_tokens, 0), null) as total_tokens,
            best.turn_type as kind, best.sent_at as sent_at,
            strpos(best.text, regexp_extract(best.text, $word0, 0, 'i')) as position,
            substring(best.text, greatest(position - {_BEFORE}, 1), {_LENGTH}) as snippet,
            position > {_BEFORE} + 1 as is_cut,
            count(*) over () as session_count,
            sum(matches) over () as match_total
        from sessions
        left join marts.dim_sessions on sessions.session_id = dim_sessions.session_id
        left join ({PROJECT_NAMES}) as projects on sessions.project_id = projects.project_id
        left join marts.agg_session_usage as usage on sessions.session_id = usage.session_id
        order by rank desc, last_match_at desc nulls last, result_key
        limit $limit
    """
