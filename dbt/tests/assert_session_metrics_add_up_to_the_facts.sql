-- Every message and tool call of a session is in its metrics, once.
{{ config(meta={'reads': 'session'}) }}

with expected as (

    select
        (select count(*) from {{ ref('fct_messages') }} where session_id is not null and not is_copy) as messages,
        (select count(*) from {{ ref('fct_tool_calls') }} where session_id is not null) as tool_calls,
        (select count(*) from {{ ref('fct_commits') }} where session_id is not null and git_event = 'commit') as commits

),

found as (

    select
        coalesce(sum(message_count), 0) as messages,
        coalesce(sum(tool_call_count), 0) as tool_calls,
        coalesce(sum(commit_count), 0) as commits
    from {{ ref('agg_session_metrics') }}

)

select
    expected.messages,
    found.messages as found_messages,
    expected.tool_calls,
    found.tool_calls as found_tool_calls,
    expected.commits,
    found.commits as found_commits
from expected
cross join found
where
    (expected.messages, expected.tool_calls, expected.commits)
    is distinct from (found.messages, found.tool_calls, found.commits)
