"""Reads what the published database says of costs, of how tool calls ended, and of commits and pull requests."""

from collections import Counter, defaultdict

import duckdb

from verify.answers import Response
from verify.compare_costs import Charge
from verify.counted_calls import Ending, GitCounts, ToolCall
from verify.git import Git
from verify.published_figures import day_of, place


def charges(connection: duckdb.DuckDBPyConnection) -> dict[Response, list[Charge]]:
    """Return what each response costs; responses that are equal in all else are listed together."""
    rows = connection.execute(
        "select session_key, message_id, epoch_us(requested_at), model, date_key,"
        " input_tokens, output_tokens, cache_read_tokens, cache_creation_tokens, cost_usd, web_search_requests"
        " from marts.fct_api_requests"
    ).fetchall()
    found: dict[Response, list[Charge]] = defaultdict(list)
    for session, message, at, model, date_key, asked, said, read, cached, cost, searches in rows:
        response = Response(place(session), message, at, model, (asked, said, read, cached), day_of(date_key))
        found[response].append(Charge(cost, searches))
    return found


def endings(connection: duckdb.DuckDBPyConnection) -> Counter[tuple[ToolCall, Ending]]:
    """Return every tool call with how it ended."""
    rows = connection.execute(
        "select session_key, tool_use_id, tool_name, outcome, denial_kind, is_denied from marts.fct_tool_calls"
    ).fetchall()
    return Counter(
        (ToolCall(place(session), tool_id), Ending(tool, "denied" if is_denied else outcome, denial))
        for session, tool_id, tool, outcome, denial, is_denied in rows
    )


def git_events(connection: duckdb.DuckDBPyConnection) -> Counter[tuple[str, Git]]:
    """Return every commit, push and pull request with its session."""
    rows = connection.execute(
        "select coalesce(calls.session_key, commits.session_id), commits.git_event, commits.git_action,"
        " commits.commit_sha, commits.pull_request_number, commits.pull_request_url"
        " from marts.fct_commits as commits left join marts.fct_tool_calls as calls using (tool_call_key)"
    ).fetchall()
    return Counter((place(session), Git(*event)) for session, *event in rows)


def git_counts(connection: duckdb.DuckDBPyConnection) -> dict[str, GitCounts]:
    """Return how many commits and pull requests each session has; None is not recorded."""
    rows = connection.execute(
        "select session_id, commit_count, pull_request_count from marts.agg_session_metrics"
    ).fetchall()
    return {session: GitCounts(commits, requests) for session, commits, requests in rows}
