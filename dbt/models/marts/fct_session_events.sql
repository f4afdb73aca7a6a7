-- What Claude Code notes about the running of a session, from its system lines and from turns that were cut short.
{{ config(materialized='incremental', incremental_strategy='by_session') }}

with lines as (

    select * from {{ ref('stg_conversations') }}
    where line_type = 'system' and block_index = 0

),

-- A forked session holds copies of these lines too.
originals as (

    select
        lines.*,
        {{ session_key('lines.') }} as session_key,
        projects.project_id
    from lines
    left join {{ ref('int_line_copies') }} as copies on lines.document_id = copies.document_id
    left join {{ ref('int_session_projects') }} as projects
        on
            {{ session_key('lines.') }} = projects.session_key
            -- a file that names no session and holds no message makes no project
            and (projects.session_id is not null or projects.has_messages)
    where not coalesce(copies.is_copy, false)

),

noted as (

    select
        document_id as event_key,
        uuid,
        session_id,
        session_key,
        project_id,
        agent_id,
        is_sidechain as is_subagent,
        case
            when subtype = 'api_error' then 'api_retry'
            when subtype in ('compact_boundary', 'microcompact_boundary') then 'compaction'
            when subtype = 'turn_duration' then 'turn'
            when subtype = 'stop_hook_summary' then 'stop_hook'
            when subtype = 'model_refusal_fallback' then 'model_fallback'
            else 'note'
        end as event_kind,
        subtype,
        event_at as occurred_at,
        {{ not_negative_number("attributes ->> '$.durationMs'") }} as duration_ms,
        try_cast(attributes ->> '$.error.status' as integer) as status_code,
        try_cast(attributes ->> '$.retryAttempt' as integer) as retry_attempt,
        try_cast(attributes ->> '$.maxRetries' as integer) as max_retries,
        {{ not_negative_number("attributes ->> '$.retryInMs'") }} as retry_wait_ms,
        attributes ->> '$.compactMetadata.trigger' as compaction_trigger,
        {{ not_negative_number("attributes ->> '$.compactMetadata.preTokens'") }} as tokens_before,
        coalesce(attributes ->> '$.error.formatted', block_text) as note
    from originals

),

cut_short as (

    select
        message_key as event_key,
        session_id,
        session_key,
        project_id,
        agent_id,
        is_subagent,
        if(turn_type = 'api_error', 'api_error', 'interruption') as event_kind,
        error_kind as subtype,
        sent_at as occurred_at,
        api_error_status as status_code,
        message_text as note
    from {{ ref('fct_messages') }}
    where turn_type in ('api_error', 'interruption') and not is_copy

),

-- Old versions write the summary and no boundary before it.
summaries as (

    select
        messages.message_key as event_key,
        messages.session_id,
        messages.session_key,
        messages.project_id,
        messages.agent_id,
        messages.is_subagent,
        'compaction' as event_kind,
        'summary' as subtype,
        messages.sent_at as occurred_at
    from {{ ref('fct_messages') }} as messages
    left join noted
        on
            messages.session_id = noted.session_id
            and messages.agent_id is not distinct from noted.agent_id
            and noted.subtype = 'compact_boundary'
            and (
                messages.parent_uuid = noted.uuid
                or abs(date_diff('second', messages.sent_at, noted.occurred_at)) <= 60
            )
    where messages.turn_type = 'compact_summary' and not messages.is_copy and noted.event_key is null

),

events as (

    select * exclude (uuid) from noted
    union all by name
    select * from cut_short
    union all by name
    select * from summaries

)

-- A sub-agent that says nothing but such notes has no row.
select
    events.*,
    agents.agent_key,
    {{ local_date_key('events.occurred_at') }} as date_key,
    {{ local_hour('events.occurred_at') }} as hour_of_day
from events
left join {{ ref('dim_agents') }} as agents
    on {{ agent_key('events.session_id', 'events.agent_id') }} = agents.agent_key
