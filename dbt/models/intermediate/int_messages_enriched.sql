-- Message lines with what kind of turn each is and, for a person's prompt, what kind of task it asks for.
-- Everything here depends on the line alone, so that a filter on lines reaches the raw table.
with blocks as (

    select * from {{ ref('stg_messages') }}

),

lines as (

    select
        document_id as message_key,
        max(load_id) as load_id,
        any_value(session_id) as session_id,
        any_value(project_id) as project_id,
        any_value(source_file) as source_file,
        any_value(host) as host,
        any_value(agent_id) as agent_id,
        any_value(parent_tool_use_id) as parent_tool_use_id,
        any_value(uuid) as uuid,
        any_value(parent_uuid) as parent_uuid,
        any_value(message_id) as message_id,
        any_value(message_type) as message_type,
        any_value(model) as model,
        any_value(stop_reason) as stop_reason,
        any_value(cwd) as cwd,
        any_value(git_branch) as git_branch,
        any_value(version) as version,
        any_value(entrypoint) as entrypoint,
        any_value(permission_mode) as permission_mode,
        any_value(attribution_skill) as attribution_skill,
        any_value(origin_kind) as origin_kind,
        any_value(error_kind) as error_kind,
        any_value(api_error_status) as api_error_status,
        any_value(event_at) as sent_at,
        any_value(event_date) as event_date,
        bool_or(is_queued) as is_queued,
        bool_or(is_progress) as is_progress,
        bool_or(is_sidechain) as is_sidechain,
        bool_or(is_sidechain or is_progress) as is_subagent,
        bool_or(is_meta) as is_meta,
        bool_or(is_compact_summary) as is_compact_summary,
        bool_or(is_visible_in_transcript_only) as is_visible_in_transcript_only,
        bool_or(is_api_error) as is_api_error,
        string_agg(block_text, chr(10) order by block_index) filter (where block_type = 'text') as message_text,
        coalesce(sum(length(block_text)) filter (where block_type = 'thinking'), 0) as thinking_length,
        count(*) filter (where block_type = 'text') as text_blocks,
        count(*) filter (where block_type in ('thinking', 'redacted_thinking')) as thinking_blocks,
        count(*) filter (where block_type = 'tool_use') as tool_use_blocks,
        count(*) filter (where block_type = 'tool_result') as tool_result_blocks,
        count(*) filter (where block_type in ('image', 'document')) as media_blocks
    from blocks
    group by document_id

),

cleaned as (

    select
        *,
        case when message_type = 'user' then {{ typed_text('message_text') }} end as typed_text
    from lines

),

typed as (

    select
        *,
        case
            when message_type not in ('assistant', 'user') then 'other'
            when message_type = 'assistant' and is_api_error then 'api_error'
            when message_type = 'assistant' and model = '<synthetic>' then 'synthetic'
            when message_type = 'assistant' and tool_use_blocks > 0 then 'tool_call'
            when message_type = 'assistant' and text_blocks > 0 then 'assistant_text'
            when message_type = 'assistant' and thinking_blocks > 0 then 'thinking'
            when message_type = 'assistant' then 'assistant_other'
            when is_compact_summary or starts_with(typed_text, 'This session is being continued') then 'compact_summary'
            when starts_with(typed_text, '[Request interrupted') then 'interruption'
            when coalesce(typed_text, '') = '' and tool_result_blocks > 0 then 'tool_result'
            when is_meta or is_visible_in_transcript_only or origin_kind = 'task-notification' then 'injected'
            when is_subagent then 'agent_prompt'
            when regexp_matches(typed_text, '^<command-(name|message)>') then 'slash_command'
            when starts_with(typed_text, '<bash-input>') then 'shell_command'
            when regexp_matches(typed_text, '^(<local-command-|<bash-std(out|err)>)') then 'command_output'
            when regexp_matches(
                typed_text,
                '^(<task-notification>|<user-prompt-submit-hook>|Stop hook feedback:|Caveat: The messages below)'
            ) then 'injected'
            when typed_text != '' or media_blocks > 0 then 'human_prompt'
            else 'injected'
        end as turn_type
    from cleaned

),

enriched as (

    select
        * exclude (is_compact_summary, is_visible_in_transcript_only),
        turn_type = 'human_prompt' as is_human_prompt,
        if(turn_type = 'human_prompt', {{ task_category('typed_text') }}, null) as task_category,
        case
            when turn_type = 'slash_command' then nullif(
                ltrim(coalesce(
                    nullif(regexp_extract(typed_text, '(?s)<command-name>\s*(.*?)\s*</command-name>', 1), ''),
                    regexp_extract(typed_text, '(?s)<command-message>\s*(\S*).*?</command-message>', 1)
                ), '/'), ''
            )
        end as command_name,
        coalesce(length(message_text), 0) as text_length
    from typed

)

select * from enriched
