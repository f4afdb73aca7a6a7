-- Every row of raw.conversations inside vars start_date..end_date: empty texts become NULL, nothing else changes. Claude Code's history of
-- prompts is no transcript, see stg_history_prompts.
with source as (

    select * from {{ source('raw', 'conversations') }}

),

renamed as (

    select
        conversation_id,
        document_id,
        block_index,
        block_count,
        load_id,

        -- where the line comes from
        nullif(project_id, '') as project_folder,
        nullif(source_file, '') as source_file,
        nullif(host, '') as host,
        byte_offset,
        nullif(cwd, '') as cwd,
        nullif(git_branch, '') as git_branch,
        nullif(version, '') as version,
        nullif(entrypoint, '') as entrypoint,
        nullif(user_type, '') as user_type,
        nullif(permission_mode, '') as permission_mode,
        nullif(prompt_source, '') as prompt_source,
        nullif(origin_kind, '') as origin_kind,
        nullif(command_mode, '') as command_mode,
        nullif(attribution_agent, '') as attribution_agent,
        nullif(attribution_skill, '') as attribution_skill,
        nullif(attribution_plugin, '') as attribution_plugin,

        -- what the line is
        nullif(session_id, '') as session_id,
        nullif(agent_id, '') as agent_id,
        nullif(parent_tool_use_id, '') as parent_tool_use_id,
        line_type,
        nullif(subtype, '') as subtype,
        message_type,
        nullif(uuid, '') as uuid,
        nullif(parent_uuid, '') as parent_uuid,
        nullif(logical_parent_uuid, '') as logical_parent_uuid,
        nullif(forked_from_session_id, '') as forked_from_session_id,
        nullif(forked_from_uuid, '') as forked_from_uuid,
        is_progress,
        is_sidechain,
        is_meta,
        is_compact_summary,
        is_visible_in_transcript_only,
        coalesce(has_plan_content, false) as has_plan_content,
        is_api_error,
        nullif(error_kind, '') as error_kind,
        api_error_status,

        -- the API response that the line belongs to
        nullif(request_id, '') as request_id,
        nullif(message_id, '') as message_id,
        role,
        nullif(model, '') as model,
        nullif(stop_reason, '') as stop_reason,
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

        -- the content block
        block_type,
        block_text,
        nullif(tool_use_id, '') as tool_use_id,
        nullif(tool_name, '') as tool_name,
        tool_input,
        tool_input_length,
        tool_input_lines,
        tool_result_text,
        tool_result_length,
        tool_result_rest,
        is_error,
        nullif(tool_denial_kind, '') as tool_denial_kind,

        -- the line's toolUseResult
        result_kind,
        nullif(result_type, '') as result_type,
        nullif(result_file_path, '') as result_file_path,
        result_lines_added,
        result_lines_removed,
        result_content_lines,
        nullif(result_agent_id, '') as result_agent_id,
        nullif(result_agent_type, '') as result_agent_type,
        result_interrupted,
        nullif(result_background_task_id, '') as result_background_task_id,
        result_git_operation,
        result_duration_ms,
        result_total_tokens,
        result_tool_use_count,
        nullif(result_status, '') as result_status,
        result_search_count,
        reported_cost_usd,
        reported_model_usage,
        attributes,
        kept_facts,

        -- when
        event_at,
        {{ local_date('event_at') }} as event_date,
        ingested_at,
        extracted_at,
        loaded_at
    from source
    where {{ within_dates('event_at') }} and not {{ is_prompt_history('source_file') }}

)

select * from renamed
