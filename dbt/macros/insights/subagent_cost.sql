{#-
  Sub-agents that cost more than they return. One that ended without a result, or whose calls mostly failed, returned nothing for all it
  cost; one that made next to no call would have been cheaper in the conversation that already had the context: its first prompt is paid.
-#}
{%- macro insight_subagent_cost() -%}
with responses as (
    {{ insight_responses() }} and requests.agent_key is not null
),

costs as (
    select
        agent_key,
        any_value(session_id) as session_id,
        session_key,
        any_value(project_id) as project_id,
        max(requested_at) as occurred_at,
        sum(prompt_tokens + output_tokens) as all_tokens,
        first(prompt_tokens order by requested_at, request_key) as first_tokens,
        if(count(*) = count(cost_usd), {{ exact_sum('cost_usd') }}, null) as all_usd,
        first(prompt_cost_usd order by requested_at, request_key) as first_usd
    from responses
    group by agent_key, session_key
),

judged as (
    select
        costs.*,
        coalesce(agents.agent_type, 'sub-agent') || coalesce(' (' || left(agents.description, 80) || ')', '') as named,
        agents.tool_call_count,
        agents.error_count,
        spawns.result_length,
        agents.spawn_outcome in ('error', 'interrupted') as has_no_result,
        agents.error_count * 2 > agents.tool_call_count
        and agents.tool_call_count >= {{ var('insight_helper_calls') }} as mostly_failed,
        -- what Claude Code starts by itself (a compaction, say) nobody could have left out
        spawns.tool_call_key is not null and agents.tool_call_count <= {{ var('insight_small_agent_calls') }} as is_small
    from costs
    inner join {{ ref('dim_agents') }} as agents on costs.agent_key = agents.agent_key
    left join {{ ref('fct_tool_calls') }} as spawns on agents.spawn_tool_call_key = spawns.tool_call_key
)

select
    'subagent_cost' as insight_kind,
    session_id,
    session_key,
    project_id,
    agent_key,
    occurred_at,
    named as subject,
    tool_call_count as quantity,
    if(has_no_result or mostly_failed, all_tokens, first_tokens) as tokens,
    if(has_no_result or mostly_failed, all_usd, first_usd) as cost_usd,
    named || case
        when has_no_result then ' ended without a result.'
        when mostly_failed then ': ' || error_count || ' of ' || {{ counted('tool_call_count', 'tool call') }} || ' failed.'
        else ' read ' || {{ counted('first_tokens', 'token') }} || ' to begin with, for ' || {{ counted('tool_call_count', 'tool call') }}
            || coalesce(' and an answer of about ' || {{ counted("result_length / " ~ var('characters_per_token'), 'token') }}, '') || '.'
    end as evidence
from judged
where has_no_result or mostly_failed or is_small
{%- endmacro -%}
