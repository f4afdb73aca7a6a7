-- Sub-agents: those whose lines we hold, and those that only the call which started them tells of.
with messages as (

    select * from {{ ref('fct_messages') }}
    where agent_id is not null and session_id is not null

),

calls as (

    select * from {{ ref('fct_tool_calls') }}

),

-- A call that got no result names no agent; lines inside progress lines still name both.
reporting as (

    select
        parent_tool_use_id,
        min(agent_id) as agent_id
    from messages
    where parent_tool_use_id is not null
    group by parent_tool_use_id

),

named_calls as (

    select calls.* replace (coalesce(calls.spawned_agent_id, reporting.agent_id) as spawned_agent_id)
    from calls
    left join reporting on calls.tool_call_key = reporting.parent_tool_use_id
    where calls.tool_name in ('Task', 'Agent') or calls.spawned_agent_id is not null

),

-- An agent resumed by a later call has several; the first one started it.
spawns as (

    select * from named_calls
    qualify spawned_agent_id is null or row_number() over (
        partition by session_id, spawned_agent_id
        order by started_at, tool_call_key
    ) = 1

),

own_lines as (

    select
        session_id,
        agent_id,
        min(project_id) as project_id,
        min(sent_at) as started_at,
        max(sent_at) as ended_at,
        count(*) filter (where not is_copy) as message_count,
        arg_min(left(message_text, 500), (sent_at, message_key)) filter (where turn_type = 'agent_prompt') as prompt
    from messages
    group by session_id, agent_id

),

own_calls as (

    select
        session_id,
        agent_id,
        count(*) as tool_call_count,
        count(*) filter (where outcome = 'error') as error_count
    from calls
    where agent_id is not null
    group by session_id, agent_id

),

agents as (

    select
        coalesce(own_lines.session_id, spawns.session_id) as session_id,
        coalesce(own_lines.agent_id, spawns.spawned_agent_id) as agent_id,
        spawns.tool_call_key as spawn_tool_call_key,
        spawns.agent_id as parent_agent_id,
        coalesce(own_lines.project_id, spawns.project_id) as project_id,
        spawns.spawned_agent_type as agent_type,
        spawns.description,
        own_lines.prompt,
        coalesce(own_lines.started_at, spawns.started_at) as started_at,
        coalesce(
            own_lines.ended_at, if(spawns.result_status = 'async_launched', null, spawns.ended_at)
        ) as ended_at,
        coalesce(own_lines.message_count, 0) as message_count,
        spawns.outcome as spawn_outcome,
        spawns.result_status,
        coalesce(spawns.result_status = 'async_launched', false) as is_background,
        own_lines.agent_id is not null as has_own_lines,
        spawns.reported_duration_ms,
        spawns.reported_total_tokens,
        spawns.reported_tool_use_count
    from own_lines
    full outer join spawns
        on own_lines.session_id = spawns.session_id and own_lines.agent_id = spawns.spawned_agent_id

),

final as (

    select
        {{ surrogate_key([
            "agents.session_id", "coalesce(agents.agent_id, agents.spawn_tool_call_key)"
        ]) }} as agent_key,
        agents.*,
        {{ local_date_key('agents.started_at') }} as date_key,
        {{ milliseconds_between('agents.started_at', 'agents.ended_at') }} as duration_ms,
        coalesce(own_calls.tool_call_count, 0) as tool_call_count,
        coalesce(own_calls.error_count, 0) as error_count
    from agents
    left join own_calls on agents.session_id = own_calls.session_id and agents.agent_id = own_calls.agent_id

)

select * from final
