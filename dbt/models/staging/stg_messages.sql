-- Content blocks of what a person, a tool or Claude said: user and assistant lines, those of sub-agents inside progress lines,
-- and what was queued while Claude worked, as attachments of kind queued_command and as operations of the queue. int_queued_prompts
-- says which of the latter no other line repeats.
with source as (

    select * from {{ ref('stg_conversations') }}

),

renamed as (

    select
        conversation_id as message_block_id,
        document_id,
        block_index,
        block_count,
        load_id,
        project_folder,
        source_file,
        host,
        byte_offset,
        session_id,
        agent_id,
        parent_tool_use_id,
        cwd,
        git_branch,
        version,
        entrypoint,
        permission_mode,
        prompt_source,
        origin_kind,
        command_mode,
        attribution_agent,
        attribution_skill,
        attribution_plugin,
        coalesce(message_type, 'user') as message_type,
        message_type is null as is_queued,
        line_type = 'queue-operation' as is_queue_operation,
        uuid,
        parent_uuid,
        is_progress,
        is_sidechain,
        is_meta,
        is_compact_summary,
        is_visible_in_transcript_only,
        has_plan_content,
        is_api_error,
        error_kind,
        api_error_status,
        request_id,
        message_id,
        model,
        stop_reason,
        usage,
        input_tokens,
        output_tokens,
        cache_read_tokens,
        cache_creation_tokens,
        cache_creation_5m_tokens,
        cache_creation_1h_tokens,
        web_search_requests,
        web_fetch_requests,
        service_tier,
        speed,
        inference_geo,
        if(message_type is null, 'text', block_type) as block_type,
        block_text,
        kept_facts,
        tool_use_id,
        tool_name,
        event_at,
        event_date,
        ingested_at
    from source
    where
        message_type is not null
        or (line_type = 'attachment' and {{ has_text() }})
        or (line_type = 'queue-operation' and (attributes ->> '$.operation') = 'enqueue' and {{ has_text() }})

)

select * from renamed
