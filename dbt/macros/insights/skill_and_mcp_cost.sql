{#-
  Skills and MCP servers that cost more than they return: most of the calls failed. The failed ones cost their share of the answers that
  made them. What tool definitions take of each prompt is in no transcript, so a server that is never called cannot be seen.
-#}
{%- macro insight_skill_cost() -%}
with calls as (
    select
        calls.*,
        messages.skill_name as used
    from (
        {{ insight_calls() }}
    ) as calls
    inner join {{ ref('fct_messages') }} as messages on calls.message_key = messages.message_key
    where messages.skill_name is not null
)

{{ mostly_failing('skill_cost', "'The skill '") }}
{%- endmacro -%}

{%- macro insight_mcp_cost() -%}
with calls as (
    select
        *,
        mcp_server as used
    from (
        {{ insight_calls() }}
    )
    where mcp_server is not null
)

{{ mostly_failing('mcp_cost', "'The MCP server '") }}
{%- endmacro -%}

{#- A finding for each session and `used` whose calls failed for the most part; refused calls are no failures. -#}
{%- macro mostly_failing(kind, what) -%}
select
    '{{ kind }}' as insight_kind,
    any_value(session_id) as session_id,
    session_key,
    any_value(project_id) as project_id,
    cast(null as varchar) as agent_key,
    max(started_at) as occurred_at,
    used as subject,
    count(*) filter (where outcome = 'error') as quantity,
    cast(null as bigint) as tokens,
    if(
        bool_or(outcome = 'error' and cost_share_usd is null), null, {{ exact_sum("if(outcome = 'error', cost_share_usd, 0)") }}
    ) as cost_usd,
    {{ what }} || used || ': ' || count(*) filter (where outcome = 'error') || ' of '
    || {{ counted("count(*) filter (where outcome != 'denied')", 'tool call') }} || ' failed.' as evidence
from calls
group by session_key, used
having
    count(*) filter (where outcome = 'error') * 2 > count(*) filter (where outcome != 'denied')
    and count(*) filter (where outcome != 'denied') >= {{ var('insight_helper_calls') }}
{%- endmacro -%}
