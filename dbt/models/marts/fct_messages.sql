{{ config(materialized='incremental', incremental_strategy='by_session') }}
{#- Not beside int_tool_call_blocks: a long history leaves no memory for both. Said while dbt parses, for no row is read. -#}
{%- if not execute %}{% do ref('int_tool_call_blocks') %}{% endif %}

with messages as (

    select * from {{ ref('int_messages_enriched') }}

),

answers as (

    select
        document_id,
        request_key
    from {{ ref('int_answer_lines') }}
    where is_billed

),

final as (

    select
        message_key,
        load_id,
        messages.session_id,
        messages.session_key,
        projects.project_id,
        host,
        source_file,
        agent_id,
        if(is_copy, null, {{ agent_key('messages.session_id', 'agent_id') }}) as agent_key,
        attribution_agent,
        answers.request_key,
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
        opening_digest,
        cast(thinking_length as bigint) as thinking_length,
        text_block_count,
        thinking_block_count,
        tool_use_block_count,
        tool_result_block_count,
        media_block_count
    from messages
    left join answers on messages.message_key = answers.document_id
    left join {{ ref('int_session_projects') }} as projects on messages.session_key = projects.session_key

)

select * from final
