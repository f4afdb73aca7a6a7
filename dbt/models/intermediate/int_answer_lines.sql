-- Assistant lines and the answer that each belongs to. Only a line that reports the usage of a model's answer is billed: what Claude Code
-- writes itself, errors among it, is not.
with lines as (

    select * from {{ ref('stg_messages') }}
    where message_type = 'assistant' and block_index = 0

),

answers as (

    select
        lines.document_id,
        lines.load_id,
        lines.session_id,
        lines.source_file,
        lines.host,
        lines.git_branch,
        lines.byte_offset,
        lines.agent_id,
        lines.message_id,
        lines.request_id,
        lines.stop_reason,
        lines.event_at,
        lines.is_progress,
        lines.is_sidechain,
        lines.usage,
        lines.input_tokens,
        lines.output_tokens,
        lines.cache_read_tokens,
        lines.cache_creation_tokens,
        lines.cache_creation_5m_tokens,
        lines.cache_creation_1h_tokens,
        lines.web_search_requests,
        lines.service_tier,
        lines.speed,
        lines.inference_geo,
        {{ session_key('lines.') }} as session_key,
        coalesce(
            split_answers.request_key,
            case
                when lines.message_id is not null then {{ answer_key(session_key('lines.'), 'lines.message_id') }}
            end,
            {{ surrogate_key(["'line'", 'coalesce(copies.original_document_id, lines.document_id)']) }}
        ) as request_key,
        coalesce(copies.is_copy, false) as is_copy,
        coalesce(lines.model, 'unknown') as model,
        coalesce(starts_with(cast(lines.usage as varchar), '{'), false)
        and coalesce(lines.model, '') != '<synthetic>'
        and not lines.is_api_error as is_billed
    from lines
    left join {{ ref('int_split_answers') }} as split_answers on lines.document_id = split_answers.document_id
    left join {{ ref('int_line_copies') }} as copies on lines.document_id = copies.document_id

)

select * from answers
