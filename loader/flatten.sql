-- One row per content block of one transcript line; a line without blocks is one row.
-- Reads `incoming` (the columns of the Iceberg table), yields the columns of raw.conversations but load_id and loaded_at.
-- from_json turns a value of another type into NULL without a word. So whatever may be text is read as VARCHAR (an object
-- then arrives as its JSON text) and numbers and booleans go through try_cast.
-- Parameters: $tool_output_limit characters of tool output, $attributes_limit characters of a line without blocks.
with valid as (
    select
        *,
        case when json_valid(document) then document else '{}' end as json_document
    from incoming
),

lines as (
    select
        * exclude (json_document),
        from_json(json_document, '{
            "type": "VARCHAR", "subtype": "VARCHAR", "uuid": "VARCHAR", "parentUuid": "VARCHAR",
            "logicalParentUuid": "VARCHAR", "sessionId": "VARCHAR", "requestId": "VARCHAR", "agentId": "VARCHAR",
            "parentToolUseID": "VARCHAR", "timestamp": "VARCHAR", "cwd": "VARCHAR", "gitBranch": "VARCHAR",
            "version": "VARCHAR", "entrypoint": "VARCHAR", "userType": "VARCHAR", "permissionMode": "VARCHAR",
            "promptSource": "VARCHAR", "origin": "JSON", "attributionSkill": "VARCHAR",
            "attributionPlugin": "VARCHAR", "isSidechain": "VARCHAR", "isMeta": "VARCHAR",
            "isCompactSummary": "VARCHAR", "isApiErrorMessage": "VARCHAR", "isVisibleInTranscriptOnly": "VARCHAR",
            "error": "VARCHAR", "apiErrorStatus": "VARCHAR", "toolDenialKind": "VARCHAR", "message": "JSON",
            "toolUseResult": "JSON", "data": "JSON", "attachment": "JSON", "content": "JSON", "summary": "VARCHAR",
            "aiTitle": "VARCHAR", "customTitle": "VARCHAR", "agentName": "VARCHAR", "lastPrompt": "VARCHAR"
        }') as line
    from valid
),

-- A sub-agent's line may travel inside its parent's `progress` line, as data.message.
unwrapped as (
    select
        *,
        case
            when line.type = 'progress'
                then from_json(line.data, '{"type": "VARCHAR", "agentId": "VARCHAR", "message": "JSON"}')
        end as progress
    from lines
),

carriers as (
    select
        *,
        coalesce(json_type(progress.message) = 'OBJECT', false) as is_progress,
        case
            when json_type(progress.message) = 'OBJECT'
                then from_json(progress.message, '{
                    "type": "VARCHAR", "uuid": "VARCHAR", "timestamp": "VARCHAR", "requestId": "VARCHAR",
                    "message": "JSON", "toolUseResult": "JSON", "isMeta": "VARCHAR", "isApiErrorMessage": "VARCHAR",
                    "error": "VARCHAR", "toolDenialKind": "VARCHAR"
                }')
        end as wrapped
    from unwrapped
),

messages as (
    select
        *,
        case when is_progress then wrapped.message else line.message end as message_json,
        case when is_progress then wrapped.toolUseResult else line.toolUseResult end as result_json
    from carriers
),

parsed as (
    select
        *,
        from_json(case when json_type(message_json) = 'OBJECT' then message_json end, '{
            "id": "VARCHAR", "role": "VARCHAR", "model": "VARCHAR", "stop_reason": "VARCHAR", "content": "JSON",
            "usage": "JSON"
        }') as message,
        from_json(case when json_type(result_json) = 'OBJECT' then result_json end, '{
            "type": "VARCHAR", "filePath": "VARCHAR", "content": "JSON", "structuredPatch": "JSON", "file": "JSON",
            "agentId": "VARCHAR", "agentType": "VARCHAR", "interrupted": "VARCHAR", "backgroundTaskId": "VARCHAR",
            "gitOperation": "JSON", "durationMs": "VARCHAR", "totalDurationMs": "VARCHAR",
            "totalTokens": "VARCHAR", "totalToolUseCount": "VARCHAR", "status": "VARCHAR",
            "notebook_path": "VARCHAR"
        }') as result
    from messages
),

measured as (
    select
        *,
        from_json(case when json_type(message.usage) = 'OBJECT' then message.usage end, '{
            "input_tokens": "VARCHAR", "output_tokens": "VARCHAR", "cache_read_input_tokens": "VARCHAR",
            "cache_creation_input_tokens": "VARCHAR", "service_tier": "VARCHAR", "speed": "VARCHAR",
            "inference_geo": "VARCHAR",
            "cache_creation": {"ephemeral_5m_input_tokens": "VARCHAR", "ephemeral_1h_input_tokens": "VARCHAR"},
            "server_tool_use": {"web_search_requests": "VARCHAR", "web_fetch_requests": "VARCHAR"}
        }') as usage,
        flatten(
            list_transform(
                from_json(
                    case when json_type(result.structuredPatch) = 'ARRAY' then result.structuredPatch end,
                    '[{"lines": ["VARCHAR"]}]'
                ),
                hunk -> coalesce(hunk.lines, [])
            )
        ) as patch_lines,
        case when json_type(result.content) = 'VARCHAR' then result.content ->> '$' end as result_content,
        -- A content that is no list is one block: a string is the text of it, an object the block itself.
        case
            when message_json is null then []
            when message is null then [message_json]
            when json_type(message.content) = 'ARRAY' then from_json(message.content, '["JSON"]')
            when message.content is null or json_type(message.content) = 'NULL' then []
            else [message.content]
        end as blocks
    from parsed
),

numbered as (
    select
        *,
        len(blocks)::integer as block_count,
        unnest(case when len(blocks) = 0 then [null::json] else blocks end) as block_json,
        generate_subscripts(case when len(blocks) = 0 then [null::json] else blocks end, 1)::integer - 1
            as block_index,
        -- toolUseResult describes one result; of several in a line, the first.
        list_position(
            list_transform(blocks, each_block -> coalesce(each_block ->> '$.type' = 'tool_result', false)), true
        ) - 1 as result_index
    from measured
),

opened as (
    select
        *,
        from_json(case when json_type(block_json) = 'OBJECT' then block_json end, '{
            "type": "VARCHAR", "text": "VARCHAR", "thinking": "VARCHAR", "id": "VARCHAR", "name": "VARCHAR",
            "input": "JSON", "tool_use_id": "VARCHAR", "content": "JSON", "is_error": "VARCHAR"
        }') as block,
        coalesce(block_index = result_index, false) as has_result
    from numbered
),

texts as (
    select
        *,
        coalesce(try_cast(wrapped.timestamp as timestamptz), try_cast(line.timestamp as timestamptz)) as said_at,
        case
            when block_json is null then null
            when json_type(block_json) = 'OBJECT' then coalesce(block.type, 'unknown')
            else 'text'
        end as block_type,
        case
            when block.type is distinct from 'tool_result' then null
            when json_type(block.content) = 'ARRAY'
                then coalesce(
                    nullif(array_to_string(json_extract_string(block.content, '$[*].text'), chr(10)), ''),
                    array_to_string(
                        list_filter(
                            list_transform(
                                from_json(block.content, '["JSON"]'),
                                part -> case when json_type(part) = 'VARCHAR' then part ->> '$' end
                            ),
                            part -> part is not null
                        ),
                        chr(10)
                    )
                )
            else block.content ->> '$'
        end as tool_output
    from opened
)

select
    document_id || ':' || block_index as conversation_id,
    document_id,
    block_index,
    block_count,
    project_id,
    source_file,
    host,
    line.sessionId as session_id,
    line.type as line_type,
    line.subtype as subtype,
    case
        when is_progress then wrapped.type
        when line.type in ('user', 'assistant') then line.type
    end as message_type,
    is_progress,
    case when is_progress then wrapped.uuid else line.uuid end as uuid,
    line.parentUuid as parent_uuid,
    line.logicalParentUuid as logical_parent_uuid,
    case when is_progress then wrapped.requestId else line.requestId end as request_id,
    message.id as message_id,
    coalesce(line.agentId, progress.agentId) as agent_id,
    line.parentToolUseID as parent_tool_use_id,
    -- A year of five digits, BC or infinity fits no date key, and one such line would stop every build.
    case when said_at between '0001-01-02T00:00:00Z' and '9999-12-30T00:00:00Z' then said_at end as event_at,
    line.cwd as cwd,
    line.gitBranch as git_branch,
    line.version as version,
    line.entrypoint as entrypoint,
    line.userType as user_type,
    line.permissionMode as permission_mode,
    line.promptSource as prompt_source,
    case when json_type(line.origin) = 'OBJECT' then line.origin ->> '$.kind' else line.origin ->> '$' end
        as origin_kind,
    line.attributionSkill as attribution_skill,
    line.attributionPlugin as attribution_plugin,
    is_progress or coalesce(try_cast(line.isSidechain as boolean), false) as is_sidechain,
    coalesce(try_cast(coalesce(wrapped.isMeta, line.isMeta) as boolean), false) as is_meta,
    coalesce(try_cast(line.isCompactSummary as boolean), false) as is_compact_summary,
    coalesce(try_cast(coalesce(wrapped.isApiErrorMessage, line.isApiErrorMessage) as boolean), false) as is_api_error,
    coalesce(try_cast(line.isVisibleInTranscriptOnly as boolean), false) as is_visible_in_transcript_only,
    coalesce(wrapped.error, line.error) as error_kind,
    try_cast(line.apiErrorStatus as integer) as api_error_status,
    message.role as role,
    message.model as model,
    message.stop_reason as stop_reason,
    message.usage as usage,
    try_cast(usage.input_tokens as bigint) as input_tokens,
    try_cast(usage.output_tokens as bigint) as output_tokens,
    try_cast(usage.cache_read_input_tokens as bigint) as cache_read_tokens,
    try_cast(usage.cache_creation_input_tokens as bigint) as cache_creation_tokens,
    try_cast(usage.cache_creation.ephemeral_5m_input_tokens as bigint) as cache_creation_5m_tokens,
    try_cast(usage.cache_creation.ephemeral_1h_input_tokens as bigint) as cache_creation_1h_tokens,
    try_cast(usage.server_tool_use.web_search_requests as bigint) as web_search_requests,
    try_cast(usage.server_tool_use.web_fetch_requests as bigint) as web_fetch_requests,
    usage.service_tier as service_tier,
    usage.speed as speed,
    usage.inference_geo as inference_geo,
    block_type,
    case
        when block_type = 'tool_result' then null
        when block_json is not null
            then case when block is null then block_json ->> '$' else coalesce(block.text, block.thinking) end
        when not json_valid(document) then document
        when line.type = 'attachment'
            then coalesce(
                line.attachment ->> '$.prompt',
                case when line.attachment ->> '$.type' = 'queued_command' then line.attachment ->> '$.content' end
            )
        else
            coalesce(
                line.content ->> '$', line.summary, line.aiTitle, line.customTitle, line.agentName, line.lastPrompt
            )
    end as block_text,
    case
        when block_type = 'tool_result' then block.tool_use_id
        when block.input is not null then coalesce(block.id, block.tool_use_id)
        else block.tool_use_id
    end as tool_use_id,
    block.name as tool_name,
    block.input as tool_input,
    left(tool_output, $tool_output_limit) as tool_result_text,
    length(tool_output) as tool_result_length,
    case when block_type = 'tool_result' then coalesce(try_cast(block.is_error as boolean), false) end as is_error,
    case when has_result then coalesce(wrapped.toolDenialKind, line.toolDenialKind) end as tool_denial_kind,
    case
        when not has_result or result_json is null then null
        when json_type(result_json) = 'OBJECT' then 'object'
        when json_type(result_json) = 'ARRAY' then 'array'
        else 'string'
    end as result_kind,
    case when has_result then result.type end as result_type,
    case when has_result then coalesce(result.filePath, result.notebook_path, result.file ->> '$.filePath') end
        as result_file_path,
    case
        when not has_result then null
        when len(patch_lines) > 0 then len(list_filter(patch_lines, patch_line -> patch_line[1] = '+'))
        when result.type = 'create' and result_content is not null then length(result_content)
            - length(replace(result_content, chr(10), '')) + (result_content not like '%' || chr(10))::integer
            - (result_content = '')::integer
        when result.structuredPatch is not null then 0
    end::integer as result_lines_added,
    case
        when has_result and result.structuredPatch is not null
            then coalesce(len(list_filter(patch_lines, patch_line -> patch_line[1] = '-')), 0)
    end::integer as result_lines_removed,
    case
        when has_result and result_content is not null
            then length(result_content) - length(replace(result_content, chr(10), ''))
                + (result_content not like '%' || chr(10))::integer - (result_content = '')::integer
    end::integer as result_content_lines,
    case when has_result then result.agentId end as result_agent_id,
    case when has_result then result.agentType end as result_agent_type,
    case when has_result then try_cast(result.interrupted as boolean) end as result_interrupted,
    case when has_result then result.backgroundTaskId end as result_background_task_id,
    case when has_result and json_type(result.gitOperation) = 'OBJECT' then result.gitOperation end
        as result_git_operation,
    case when has_result then try_cast(coalesce(result.totalDurationMs, result.durationMs) as bigint) end
        as result_duration_ms,
    case when has_result then try_cast(result.totalTokens as bigint) end as result_total_tokens,
    case when has_result then try_cast(result.totalToolUseCount as bigint) end as result_tool_use_count,
    case when has_result then result.status end as result_status,
    case
        when block_json is null and json_valid(document) and length(document) <= $attributes_limit then document::json
        when block_type not in ('text', 'thinking', 'tool_use', 'tool_result', 'image', 'document', 'redacted_thinking')
            and length(block_json) <= $attributes_limit then block_json
    end as attributes,
    ingested_at,
    extracted_at
from texts
