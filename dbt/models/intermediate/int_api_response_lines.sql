-- Lines that report the usage of an API response. A response is written as several lines, copied by forks and replayed
-- by sub-agents; all of them carry its message id, so that alone is the key, and a line without one is its own response.
with messages as (

    select * from {{ ref('stg_messages') }}

),

usage_lines as (

    select
        coalesce('message:' || message_id, 'line:' || document_id) as request_key,
        document_id,
        load_id,
        session_id,
        {{ session_key() }} as session_key,
        project_id,
        source_file,
        host,
        agent_id,
        message_id,
        request_id,
        coalesce(model, 'unknown') as model,
        is_progress,
        is_sidechain,
        stop_reason,
        event_at,
        input_tokens,
        output_tokens,
        cache_read_tokens,
        -- a usage that gives the split and not the sum still wrote that many tokens to the cache
        coalesce(
            cache_creation_tokens, coalesce(cache_creation_5m_tokens, 0) + coalesce(cache_creation_1h_tokens, 0)
        ) as cache_creation_tokens,
        cache_creation_5m_tokens,
        cache_creation_1h_tokens,
        web_search_requests,
        service_tier,
        speed,
        inference_geo,
        usage
    from messages
    -- a line and not each of its blocks; and what Claude Code writes itself is no answer of a model
    where
        message_type = 'assistant'
        and block_index = 0
        and starts_with(cast(usage as varchar), '{')
        and model is distinct from '<synthetic>'

)

select * from usage_lines
