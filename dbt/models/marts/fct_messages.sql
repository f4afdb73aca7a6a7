{{ config(materialized='incremental', unique_key='message_key', post_hook='{{ record_fingerprint() }}') }}
-- depends_on: {{ ref('stg_conversations') }}, {{ ref('stg_messages') }}

with
{% if is_incremental() %}
touched_sessions as (

    {{ touched_sessions() }}

),

touched_lines as (

    select
        document_id,
        event_at,
        uuid
    from {{ ref('stg_messages') }}
    where {{ session_key() }} in (select * from touched_sessions)

),

-- A copy in another session may turn from copy to original, or back, when this session changes.
touched_keys as (

    select document_id from touched_lines
    union
    select document_id from {{ ref('stg_messages') }} where event_at in (select event_at from touched_lines)
    union
    select document_id from {{ ref('stg_messages') }}
    where event_at is null and uuid in (select uuid from touched_lines where event_at is null)

),
{% endif %}
messages as (

    select * from {{ ref('int_messages_enriched') }}
    {% if is_incremental() %}
    where message_key in (select document_id from touched_keys)
    {% endif %}

),

starts as (

    select * from {{ ref('int_session_starts') }}

),

ranked as (

    select
        messages.*,
        row_number() over (
            partition by messages.copy_key
            order by
                messages.is_progress, starts.session_started_at, messages.is_sidechain, messages.source_file,
                messages.sent_at, messages.message_key
        ) > 1 as is_copy
    from messages
    left join starts on messages.session_id = starts.session_id

),

final as (

    select
        message_key,
        load_id,
        session_id,
        project_id,
        host,
        source_file,
        agent_id,
        parent_tool_use_id,
        uuid,
        parent_uuid,
        message_id,
        copy_key,
        sent_at,
        {{ date_key('event_date') }} as date_key,
        {{ local_hour('sent_at') }} as hour_of_day,
        message_type,
        turn_type,
        task_category,
        is_human_prompt and not is_copy as is_human_prompt,
        is_subagent,
        is_copy,
        is_progress,
        is_queued,
        is_meta,
        command_name,
        attribution_skill as skill_name,
        model,
        stop_reason,
        error_kind,
        api_error_status,
        cwd,
        git_branch,
        version,
        entrypoint,
        permission_mode,
        case
            when turn_type in ('human_prompt', 'slash_command', 'shell_command', 'agent_prompt') then typed_text
            else message_text
        end as message_text,
        text_length,
        thinking_length,
        text_blocks,
        thinking_blocks,
        tool_use_blocks,
        tool_result_blocks,
        media_blocks
    from ranked

)

select * from final
