-- Sub-agents: those whose lines we hold, those that a side file names, and those that only the call which started them tells of. A start
-- that was refused is no agent.
{{ config(materialized='incremental', incremental_strategy='by_session') }}

with messages as (

    select * from {{ ref('fct_messages') }}
    where agent_id is not null and session_id is not null and not is_copy

),

calls as (

    select * from {{ ref('fct_tool_calls') }}

),

metas as (

    select
        session_id,
        agent_id,
        min(attributes ->> '$.agentType') as agent_type,
        min(attributes ->> '$.toolUseId') as tool_use_id,
        min(attributes ->> '$.parentAgentId') as parent_agent_id
    from {{ ref('stg_conversations') }}
    where line_type = 'agent-meta' and session_id is not null and agent_id is not null
    group by session_id, agent_id

),

own_lines as (

    select
        session_id,
        agent_id,
        min(project_id) as project_id,
        min(sent_at) as started_at,
        max(sent_at) as ended_at,
        count(*) as message_count,
        min(attribution_agent) as agent_type,
        -- one whose text is no longer kept stays the first
        arg_min_null(left(message_text, 500), (sent_at, message_key)) filter (
            where turn_type = 'agent_prompt' and opening_digest is not null
        ) as prompt,
        arg_min(opening_digest, (sent_at, message_key)) filter (where turn_type = 'agent_prompt') as prompt_digest
    from messages
    group by session_id, agent_id

),

-- A call that got no result names no agent; lines inside progress lines and side files still name both.
named_by_others as (

    select
        session_id,
        parent_tool_use_id as tool_use_id,
        min(agent_id) as agent_id
    from messages
    where parent_tool_use_id is not null
    group by session_id, parent_tool_use_id
    union
    select
        session_id,
        tool_use_id,
        agent_id
    from metas
    where tool_use_id is not null

),

named as (

    select
        session_id,
        tool_use_id,
        min(agent_id) as agent_id
    from named_by_others
    group by session_id, tool_use_id

),

starts as (

    select
        calls.*,
        coalesce(calls.spawned_agent_id, named.agent_id) as named_agent_id
    from calls
    left join named on calls.session_id = named.session_id and calls.tool_use_id = named.tool_use_id
    where
        (calls.tool_name in ('Task', 'Agent') or calls.spawned_agent_id is not null)
        and (
            calls.outcome != 'denied' and not coalesce(calls.is_refused_input, false)
            or named.agent_id is not null
        )

),

-- Where nothing names the agent of a call, it is the one that begins with the call's own task.
unnamed_starts as (

    select
        *,
        row_number() over (
            partition by session_id, agent_prompt_digest order by started_at, tool_call_key
        ) as repetition
    from starts
    where named_agent_id is null and agent_prompt_digest is not null

),

unclaimed_agents as (

    select
        own_lines.*,
        row_number() over (
            partition by own_lines.session_id, own_lines.prompt_digest order by own_lines.started_at, own_lines.agent_id
        ) as repetition
    from own_lines
    left join starts on own_lines.session_id = starts.session_id and own_lines.agent_id = starts.named_agent_id
    where starts.tool_call_key is null

),

claimed_starts as (

    select
        starts.*,
        coalesce(starts.named_agent_id, unclaimed_agents.agent_id) as found_agent_id
    from starts
    left join unnamed_starts on starts.tool_call_key = unnamed_starts.tool_call_key
    left join unclaimed_agents
        on
            unnamed_starts.session_id = unclaimed_agents.session_id
            and unnamed_starts.agent_prompt_digest = unclaimed_agents.prompt_digest
            and unnamed_starts.repetition = unclaimed_agents.repetition

),

-- An agent resumed by a later call has several; the first one started it, and it was at work while any of them waited.
spawns as (

    select
        *,
        {{ count_sum('duration_ms', 'over every_call') }} as called_duration_ms,
        max(ended_at) over every_call as last_ended_at,
        bool_or(coalesce(result_status = 'async_launched', false) or not is_complete) over every_call as is_detached,
        {{ count_sum('reported_duration_ms', 'over every_call') }} as all_reported_duration_ms,
        {{ count_sum('reported_total_tokens', 'over every_call') }} as all_reported_tokens,
        {{ count_sum('reported_tool_use_count', 'over every_call') }} as all_reported_tool_uses
    from claimed_starts
    window every_call as (partition by session_id, coalesce(found_agent_id, tool_call_key))
    qualify row_number() over (
        partition by session_id, coalesce(found_agent_id, tool_call_key)
        order by started_at, tool_call_key
    ) = 1

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

known as (

    select
        session_id,
        agent_id,
        null as spawn_tool_call_key
    from own_lines
    union
    select
        session_id,
        agent_id,
        null as spawn_tool_call_key
    from metas
    -- What an agent did may be known although each of its lines is a damaged copy of another.
    union
    select
        session_id,
        agent_id,
        null as spawn_tool_call_key
    from own_calls
    where session_id is not null
    union
    select
        session_id,
        agent_id,
        null as spawn_tool_call_key
    from {{ ref('fct_api_requests') }}
    where session_id is not null and agent_id is not null
    union
    select
        session_id,
        found_agent_id as agent_id,
        if(found_agent_id is null, tool_call_key, null) as spawn_tool_call_key
    from spawns

),

agents as (

    select
        known.session_id,
        known.agent_id,
        spawns.tool_call_key as spawn_tool_call_key,
        coalesce(metas.parent_agent_id, spawns.agent_id) as parent_agent_id,
        coalesce(own_lines.project_id, spawns.project_id, projects.project_id) as project_id,
        coalesce(metas.agent_type, own_lines.agent_type, spawns.spawned_agent_type) as agent_type,
        spawns.description,
        coalesce(own_lines.prompt, spawns.agent_prompt) as prompt,
        own_lines.agent_id is not null as has_own_lines,
        -- what goes on after its call had its answer went on in the background
        coalesce(
            spawns.is_detached and spawns.is_complete
            or own_lines.ended_at > spawns.last_ended_at + interval 1 second, false
        ) as is_background,
        spawns.tool_call_key is null or spawns.is_detached
        or coalesce(own_lines.ended_at > spawns.last_ended_at + interval 1 second, false) as lasts_as_its_lines,
        own_lines.started_at as first_line_at,
        own_lines.ended_at as last_line_at,
        own_lines.message_count,
        spawns.started_at as called_at,
        spawns.last_ended_at,
        spawns.called_duration_ms,
        spawns.outcome as spawn_outcome,
        spawns.result_status,
        spawns.all_reported_duration_ms as reported_duration_ms,
        spawns.all_reported_tokens as reported_total_tokens,
        spawns.all_reported_tool_uses as reported_tool_use_count
    from known
    left join own_lines on known.session_id = own_lines.session_id and known.agent_id = own_lines.agent_id
    left join metas on known.session_id = metas.session_id and known.agent_id = metas.agent_id
    left join spawns
        on
            known.session_id = spawns.session_id
            and coalesce(known.agent_id, known.spawn_tool_call_key)
            = coalesce(spawns.found_agent_id, spawns.tool_call_key)
    left join {{ ref('int_session_projects') }} as projects on known.session_id = projects.session_key

),

timed as (

    select
        * exclude (lasts_as_its_lines, first_line_at, last_line_at, called_at, last_ended_at, called_duration_ms),
        if(lasts_as_its_lines, coalesce(first_line_at, called_at), coalesce(called_at, first_line_at)) as started_at,
        if(lasts_as_its_lines, last_line_at, last_ended_at) as ended_at,
        if(
            lasts_as_its_lines, {{ milliseconds_between('first_line_at', 'last_line_at') }}, called_duration_ms
        ) as duration_ms
    from agents

),

final as (

    select
        {{ surrogate_key(["timed.session_id", "coalesce(timed.agent_id, timed.spawn_tool_call_key)"]) }} as agent_key,
        timed.*,
        {{ local_date_key('timed.started_at') }} as date_key,
        -- without its own lines, what it did is not recorded, rather than nothing
        if(timed.has_own_lines, coalesce(own_calls.tool_call_count, 0), null) as tool_call_count,
        if(timed.has_own_lines, coalesce(own_calls.error_count, 0), null) as error_count
    from timed
    left join own_calls on timed.session_id = own_calls.session_id and timed.agent_id = own_calls.agent_id

)

select * from final
