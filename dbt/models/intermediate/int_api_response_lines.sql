-- Lines that report the usage of an API response. A response is written as several lines, copied by forks and replayed
-- by sub-agents; request_key says which lines are one.
with lines as (

    select * from {{ ref('int_answer_lines') }}
    where is_billed

),

usage_lines as (

    select
        request_key,
        document_id,
        load_id,
        session_id,
        session_key,
        source_file,
        host,
        git_branch,
        agent_id,
        message_id,
        request_id,
        model,
        is_copy,
        is_progress,
        is_sidechain,
        stop_reason,
        event_at,
        byte_offset,
        input_tokens,
        output_tokens,
        cache_read_tokens,
        -- some versions write 0, or nothing, beside a split that says how much was written
        greatest(
            coalesce(cache_creation_tokens, 0),
            coalesce(cache_creation_5m_tokens, 0) + coalesce(cache_creation_1h_tokens, 0)
        ) as cache_creation_tokens,
        cache_creation_5m_tokens,
        cache_creation_1h_tokens,
        web_search_requests,
        service_tier,
        if({{ is_fast_model('model') }}, 'fast', speed) as speed,
        inference_geo,
        usage
    from lines

)

select * from usage_lines
