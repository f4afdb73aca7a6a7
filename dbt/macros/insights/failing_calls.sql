{#-
  The same call (command, or tool and file with the same error) that fails again although Claude changed no file since it failed the last
  time. The first failure teaches something; the others cost their share of the answers that made them.
-#}
{%- macro insight_failing_calls() -%}
with calls as (
    {{ insight_calls() }} and calls.started_at is not null
),

versions as (
    select
        *,
        coalesce(command_text, file_path || ': ' || error_text, description) as called,
        count(*) filter (where outcome = 'success') over (
            partition by session_key order by started_at, tool_call_key
        ) as changes
    from calls
    where outcome = 'error' or (outcome = 'success' and file_operation in ('edit', 'write'))
),

repeats as (
    select
        *,
        row_number() over (
            partition by session_key, agent_key, tool_name, called_digest, changes order by started_at, tool_call_key
        ) as number
    from versions
    where outcome = 'error' and called_digest is not null
    qualify number > 1
)

select
    'failing_calls' as insight_kind,
    any_value(session_id) as session_id,
    session_key,
    any_value(project_id) as project_id,
    agent_key,
    max(started_at) as occurred_at,
    tool_name || coalesce(' ' || left(any_value(called), 200), '') as subject,
    called_digest as subject_digest,
    count(*) as quantity,
    cast(null as bigint) as tokens,
    if(count(*) = count(cost_share_usd), {{ exact_sum('cost_share_usd') }}, null) as cost_usd,
    tool_name || ' failed ' || {{ counted('count(*)', 'time') }} || ' more in the same way, with no file changed in between'
    || coalesce(': ' || left(regexp_replace(any_value(called), '\s+', ' ', 'g'), 120), '') as evidence
from repeats
group by session_key, agent_key, tool_name, called_digest
{%- endmacro -%}
