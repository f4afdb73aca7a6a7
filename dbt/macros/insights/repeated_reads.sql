{#-
  The same part of a file read again: in one thread, with a result as long as before, and neither a change of the file nor a compaction
  since. The repeated result is paid once more at the price that a new token had in the answer after it; that later answers read it, too,
  is not counted.
-#}
{%- macro insight_repeated_reads() -%}
with steps as (
    select
        session_id,
        session_key,
        project_id,
        agent_key,
        file_path,
        tool_call_key as step_key,
        started_at,
        ended_at,
        file_operation,
        result_length,
        0 as compaction
    from {{ ref('fct_tool_calls') }}
    where session_id is not null and file_path is not null and outcome = 'success' and started_at is not null
    union all by name
    select
        session_key,
        agent_key,
        event_key as step_key,
        occurred_at as started_at,
        1 as compaction
    from {{ ref('fct_session_events') }}
    where event_kind = 'compaction' and occurred_at is not null
),

versions as (
    select
        *,
        sum(if(file_operation in ('edit', 'write'), 1, 0)) over (
            partition by session_key, file_path order by started_at, step_key
        ) as changes,
        sum(compaction) over (partition by session_key, agent_key order by started_at, step_key) as compactions
    from steps
),

repeats as (
    select
        *,
        result_length / {{ var('characters_per_token') }} as tokens,
        row_number() over (
            partition by session_key, agent_key, file_path, changes, compactions, result_length
            order by started_at, step_key
        ) as number
    from versions
    where file_operation = 'read' and result_length > 0
    qualify number > 1
),

priced as (
    select
        repeats.*,
        coalesce(responses.write_usd, responses.input_cost_usd / nullif(responses.input_tokens, 0)) as token_usd
    from repeats
    asof left join (
        {{ insight_responses() }}
        qualify row_number() over (
            partition by requests.session_key, requests.agent_key, requests.requested_at order by requests.request_key
        ) = 1
    ) as responses
        on
            repeats.session_key = responses.session_key
            and coalesce(repeats.agent_key, '') = coalesce(responses.agent_key, '')
            and repeats.ended_at <= responses.requested_at
)

select
    'repeated_reads' as insight_kind,
    any_value(session_id) as session_id,
    session_key,
    any_value(project_id) as project_id,
    agent_key,
    max(started_at) as occurred_at,
    file_path as subject,
    count(*) as quantity,
    sum(tokens) as tokens,
    if(count(*) = count(token_usd), {{ exact_sum('tokens * token_usd') }}, null) as cost_usd,
    file_path || ' was read ' || {{ counted('count(*)', 'time') }} || ' more than needed: unchanged, and still in the context; about '
    || {{ counted('sum(tokens)', 'token') }} || '.' as evidence
from priced
group by session_key, agent_key, file_path
having sum(tokens) >= {{ var('insight_repeated_read_tokens') }}
{%- endmacro -%}
