-- Message lines with what kind of turn each is and, for a person's prompt, what kind of task it asks for.
with blocks as (

    select * from {{ ref('stg_messages') }}
    where
        not is_queue_operation
        or document_id in (select queued.document_id from {{ ref('int_queued_prompts') }} as queued)

),

-- Most lines hold one block, and what describes the line stands on each: only further blocks need an aggregation.
further_blocks as (

    select
        document_id,
        string_agg(block_text, chr(10) order by block_index) filter (where block_type = 'text') as block_text,
        sum({{ length_of_text() }}) filter (where block_type = 'thinking') as thinking_length,
        {{ block_counts('count(*) filter (where {})') }}
    from blocks
    where block_index > 0
    group by document_id

),

first_blocks as (

    select
        *,
        {{ block_counts('cast({} as integer)') }}
    from blocks
    where block_index = 0

),

lines as (

    select
        first_blocks.document_id as message_key,
        first_blocks.load_id,
        first_blocks.session_id,
        first_blocks.source_file,
        first_blocks.host,
        first_blocks.agent_id,
        first_blocks.parent_tool_use_id,
        first_blocks.uuid,
        first_blocks.parent_uuid,
        first_blocks.message_id,
        first_blocks.message_type,
        first_blocks.model,
        first_blocks.stop_reason,
        first_blocks.cwd,
        first_blocks.git_branch,
        first_blocks.version,
        first_blocks.entrypoint,
        first_blocks.permission_mode,
        first_blocks.prompt_source,
        first_blocks.command_mode,
        first_blocks.attribution_agent,
        first_blocks.attribution_skill,
        first_blocks.origin_kind,
        first_blocks.error_kind,
        first_blocks.api_error_status,
        first_blocks.event_at as sent_at,
        first_blocks.event_date,
        first_blocks.is_queued,
        first_blocks.is_progress,
        first_blocks.is_sidechain,
        first_blocks.is_sidechain or first_blocks.is_progress as is_subagent,
        first_blocks.is_meta,
        first_blocks.has_plan_content,
        first_blocks.is_compact_summary,
        first_blocks.is_visible_in_transcript_only,
        first_blocks.is_api_error,
        first_blocks.kept_facts,
        nullif(concat_ws(
            chr(10), if(first_blocks.block_type = 'text', first_blocks.block_text, null), further_blocks.block_text
        ), '') as message_text,
        if(first_blocks.block_type = 'thinking', coalesce({{ length_of_text('first_blocks.') }}, 0), 0)
        + coalesce(further_blocks.thinking_length, 0) as thinking_length,
        {{ block_sums('first_blocks', 'further_blocks') }}
    from first_blocks
    left join further_blocks on first_blocks.document_id = further_blocks.document_id

),

cleaned as (

    select
        *,
        case when message_type = 'user' then {{ typed_text('message_text') }} end as typed_text
    from lines

),

kinds as (

    select
        *,
        case when message_type = 'user' then {{ kept_or('typed_kind', typed_kind('typed_text')) }} end as typed_kind
    from cleaned

),

typed as (

    select
        *,
        case
            when message_type not in ('assistant', 'user') then 'other'
            when message_type = 'assistant' and is_api_error then 'api_error'
            when message_type = 'assistant' and model = '<synthetic>' then 'synthetic'
            when message_type = 'assistant' and tool_use_block_count > 0 then 'tool_call'
            when message_type = 'assistant' and text_block_count > 0 then 'assistant_text'
            when message_type = 'assistant' and thinking_block_count > 0 then 'thinking'
            when message_type = 'assistant' then 'assistant_other'
            when is_compact_summary or typed_kind = 'continuation' then 'compact_summary'
            when typed_kind = 'interruption' then 'interruption'
            when typed_kind = 'nothing' and tool_result_block_count > 0 then 'tool_result'
            when is_meta or is_visible_in_transcript_only or {{ is_not_human() }} then 'injected'
            when is_subagent then 'agent_prompt'
            when typed_kind = 'slash_command' then 'slash_command'
            when typed_kind = 'shell_command' or command_mode = 'bash' then 'shell_command'
            when typed_kind = 'command_output' then 'command_output'
            when typed_kind = 'wrapped' then 'injected'
            when typed_kind != 'nothing' or media_block_count > 0 then 'human_prompt'
            else 'injected'
        end as turn_type
    from kinds

),

enriched as (

    select
        {{ session_key('typed.') }} as session_key,
        typed.* exclude (
            is_compact_summary, is_visible_in_transcript_only, has_plan_content, prompt_source, command_mode, is_queued,
            typed_kind, kept_facts
        ),
        coalesce(copies.copy_key, typed.uuid, typed.message_key) as copy_key,
        coalesce(copies.is_copy, false) as is_copy,
        typed.is_queued and typed.turn_type in ('human_prompt', 'slash_command', 'shell_command') as is_queued,
        typed.turn_type = 'human_prompt' as is_human_prompt,
        if(
            typed.turn_type = 'human_prompt',
            {{ kept_or('task_category', task_category('typed_text'), of='typed.') }},
            null
        ) as task_category,
        case
            when typed.turn_type = 'slash_command'
                then {{ kept_or('command_name', slash_command('typed.typed_text'), of='typed.') }}
        end as command_name,
        coalesce({{ kept_or('message_length', 'length(typed.message_text)', 'bigint', 'typed.') }}, 0) as text_length,
        if(
            typed.turn_type = 'agent_prompt',
            {{ kept_or('opening_digest', opening_digest('typed.typed_text'), of='typed.') }},
            null
        ) as opening_digest
    from typed
    left join {{ ref('int_line_copies') }} as copies on typed.message_key = copies.document_id

)

select * from enriched
