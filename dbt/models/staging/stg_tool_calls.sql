-- Both halves of every tool call: the use that asks for it and the result that answers. They are paired later, by tool_use_id.
-- Tools that the API runs itself stand in the answer with their result.
with source as (

    select * from {{ ref('stg_conversations') }}

),

renamed as (

    select
        conversation_id as tool_block_id,
        if(block_type in ({{ tool_use_types() }}), 'use', 'result') as block_kind,
        tool_use_id,
        document_id,
        block_index,
        load_id,
        project_folder,
        source_file,
        byte_offset,
        session_id,
        agent_id,
        parent_tool_use_id,
        message_id,
        uuid,
        is_progress,
        is_sidechain,
        tool_name,
        tool_input,
        tool_input_lines,
        -- a result that the API itself brings says so in the type of its content
        coalesce(
            is_error,
            try_cast(attributes ->> '$.is_error' as boolean),
            ends_with(attributes ->> '$.content.type', '_error')
        ) as is_error,
        tool_denial_kind,
        tool_result_text,
        tool_result_length,
        tool_result_rest,
        result_kind,
        result_type,
        result_file_path,
        result_lines_added,
        result_lines_removed,
        result_content_lines,
        result_agent_id,
        result_agent_type,
        result_interrupted,
        result_background_task_id,
        result_git_operation,
        result_duration_ms,
        result_total_tokens,
        result_tool_use_count,
        result_status,
        result_search_count,
        kept_facts,
        event_at,
        event_date
    from source
    where
        (block_type in ({{ tool_use_types() }}) or ends_with(block_type, 'tool_result'))
        and tool_use_id is not null

)

select * from renamed
