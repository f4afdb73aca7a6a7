-- What each answer of a model used and cost: every response once, its usage the field-wise maximum over the lines that finished it, or
-- over all where none did. Longer than other models on purpose: a response is merged, dated and priced in one pass.
{{ config(materialized='incremental', incremental_strategy='by_session') }}

with lines as (

    select
        *,
        {{ unknown_usage_fields('usage') }} as unknown_fields,
        {{ usage_iterations('usage') }} as iterations
    from {{ ref('int_api_response_lines') }}

),

ranked as (

    -- Of the lines that are one response, the original's goes first, and any line before its replay inside a progress line.
    select
        *,
        row_number() over attribution as line_rank,
        first_value(session_key) over attribution as home_session_key,
        stop_reason is not null or bool_and(stop_reason is null) over (partition by request_key) as counts
    from lines
    window attribution as (
        partition by request_key
        order by is_copy, is_progress, is_sidechain, event_at, byte_offset, document_id
    )

),

merged as (

    select
        request_key,
        max(load_id) as load_id,
        count(*) as line_count,
        count(distinct session_key) as session_count,
        coalesce(max(message_id) filter (where line_rank = 1), min(message_id)) as message_id,
        any_value(home_session_key) as session_key,
        max(request_id) filter (where line_rank = 1) as request_id,
        max(session_id) filter (where line_rank = 1) as session_id,
        max(host) filter (where line_rank = 1) as host,
        max(git_branch) filter (where line_rank = 1) as git_branch,
        max(agent_id) filter (where line_rank = 1) as agent_id,
        max(model) filter (where line_rank = 1) as model,
        bool_or(is_sidechain or is_progress) filter (where line_rank = 1) as is_subagent,
        coalesce(min(event_at) filter (where session_key = home_session_key), min(event_at)) as requested_at,
        max(event_at) filter (where session_key = home_session_key) as last_line_at,
        bool_or(stop_reason is not null) as is_finalized,
        coalesce(max(input_tokens) filter (where counts), 0) as input_tokens,
        coalesce(max(output_tokens) filter (where counts), 0) as output_tokens,
        coalesce(max(cache_read_tokens) filter (where counts), 0) as cache_read_tokens,
        coalesce(max(cache_creation_tokens) filter (where counts), 0) as cache_creation_tokens,
        coalesce(max(cache_creation_1h_tokens) filter (where counts), 0) as reported_1h_tokens,
        coalesce(max(web_search_requests) filter (where counts), 0) as counted_web_searches,
        if(bool_and(service_tier = 'batch'), 'batch', max(nullif(service_tier, 'batch'))) as service_tier,
        -- the dearer of two contradicting values: a line written before the answer ended may not know it yet
        if(bool_or(speed = 'fast'), 'fast', max(speed)) as speed,
        if(bool_or(inference_geo = 'us'), 'us', max(nullif(inference_geo, ''))) as inference_geo,
        bool_and(is_progress) as is_progress_only,
        bool_and(cache_creation_5m_tokens is null and cache_creation_1h_tokens is null) as lacks_cache_split,
        array_to_string(list_sort(list_distinct(flatten(list(unknown_fields)))), ', ') as unknown_usage_fields,
        arg_max(iterations, row(counts, len(iterations), event_at, byte_offset, document_id)) as iterations
    from ranked
    group by request_key

),

-- A model that was asked within the response is billed at its own rates, outside the counts of the response.
advised as (

    select
        * exclude (advisor, advisor_number) replace (
            {{ surrogate_key(['request_key', 'advisor_number']) }} as request_key,
            coalesce(nullif(advisor.model, ''), 'unknown') as model,
            {{ known_count('advisor.input_tokens') }} as input_tokens,
            {{ known_count('advisor.output_tokens') }} as output_tokens,
            {{ known_count('advisor.cache_read_input_tokens') }} as cache_read_tokens,
            greatest(
                {{ known_count('advisor.cache_creation_input_tokens') }},
                {{ known_count('advisor.cache_creation.ephemeral_5m_input_tokens') }}
                + {{ known_count('advisor.cache_creation.ephemeral_1h_input_tokens') }}
            ) as cache_creation_tokens,
            {{ known_count('advisor.cache_creation.ephemeral_1h_input_tokens') }} as reported_1h_tokens,
            0 as counted_web_searches,
            if({{ is_fast_model("coalesce(advisor.model, '')") }}, 'fast', null) as speed,
            advisor.cache_creation is null as lacks_cache_split,
            '' as unknown_usage_fields,
            [] as iterations
        ),
        request_key as advised_request_key
    from (
        select
            *,
            unnest(iterations) as advisor,
            generate_subscripts(iterations, 1) as advisor_number
        from merged
        where len(iterations) > 0
    )
    where advisor.type = 'advisor_message'

),

searches as (

    select
        request_key,
        {{ count_sum('web_search_count') }} as web_searches
    from {{ ref('fct_tool_calls') }}
    where web_search_count > 0
    group by request_key

),

-- What is visible of the answers that were never finished: their output is a lower bound, and this says by how much it may be too low.
visible as (

    select
        lines.request_key,
        sum(coalesce({{ length_of_text('blocks.') }}, 0) + coalesce(blocks.tool_input_length, 0))
            as visible_characters
    from lines
    inner join merged on lines.request_key = merged.request_key and not merged.is_finalized
    inner join {{ ref('stg_conversations') }} as blocks on lines.document_id = blocks.document_id
    where not lines.is_copy
    group by lines.request_key

),

responses as (

    select
        merged.*,
        projects.project_id,
        null as advised_request_key,
        if(merged.counted_web_searches > 0, merged.counted_web_searches, coalesce(searches.web_searches, 0))
            as web_search_requests,
        visible.visible_characters
    from merged
    left join searches on merged.request_key = searches.request_key
    left join visible on merged.request_key = visible.request_key
    left join {{ ref('int_session_projects') }} as projects on merged.session_key = projects.session_key
    union all by name
    select
        advised.*,
        projects.project_id,
        0 as web_search_requests
    from advised
    left join {{ ref('int_session_projects') }} as projects on advised.session_key = projects.session_key

),

dated as (

    select
        *,
        cast(timezone('UTC', requested_at) as date) as priced_on,
        -- what is not known to be kept for an hour was written for five minutes
        least(reported_1h_tokens, cache_creation_tokens) as cache_creation_1h_tokens,
        cache_creation_tokens - least(reported_1h_tokens, cache_creation_tokens) as cache_creation_5m_tokens,
        input_tokens + cache_read_tokens + cache_creation_tokens as prompt_tokens,
        input_tokens + output_tokens + cache_read_tokens + cache_creation_tokens as answer_tokens,
        -- attempts within the one response, a fallback to another model among them; what usage itself says is the answer's
        coalesce(len({{ answering_iterations('iterations') }}), 0) as attempts,
        coalesce({{ iteration_tokens(answering_iterations('iterations')) }}, 0) as attempt_tokens
    from responses

),

rated as (

    select
        dated.*,
        rates.price_key,
        rates.model_id as price_model_id,
        {%- for rate in ['input_usd', 'output_usd', 'cache_read_usd', 'cache_write_5m_usd', 'cache_write_1h_usd'] %}
            if(dated.prompt_tokens > rates.tier_above_tokens, rates.tier_{{ rate }}, rates.{{ rate }}) as {{ rate }},
        {%- endfor %}
        rates.web_search_usd_per_1000,
        coalesce(dated.prompt_tokens > rates.tier_above_tokens, false) as is_long_context,
        if(rates.price_key is null, null, 1)
        * if(dated.speed = 'fast', rates.fast_multiplier, 1)
        * if(dated.inference_geo = 'us', coalesce(rates.us_multiplier, 1), 1)
        * if(dated.service_tier = 'batch', coalesce(rates.batch_multiplier, 1), 1) as price_multiplier
    from dated
    left join {{ ref('int_model_rates') }} as rates
        on dated.model = rates.model and {{ price_holds_on('rates', 'dated.priced_on') }}
    qualify row_number() over (partition by dated.request_key order by rates.priority) = 1

),

costed as (

    select
        *,
        price_multiplier * {{ token_cost('input_tokens', 'input_usd') }} as input_cost_usd,
        price_multiplier * {{ token_cost('output_tokens', 'output_usd') }} as output_cost_usd,
        price_multiplier * {{ token_cost('cache_read_tokens', 'cache_read_usd') }} as cache_read_cost_usd,
        price_multiplier * (
            {{ token_cost('cache_creation_5m_tokens', 'cache_write_5m_usd') }}
            + {{ token_cost('cache_creation_1h_tokens', 'cache_write_1h_usd') }}
        ) as cache_write_cost_usd,
        {{ token_cost('web_search_requests * 1000', 'web_search_usd_per_1000') }} as web_search_cost_usd,
        price_multiplier * {{ token_cost('cache_read_tokens + cache_creation_tokens', 'input_usd') }} as uncached_usd
    from rated

),

final as (

    select
        request_key,
        message_id,
        request_id,
        session_id,
        session_key,
        project_id,
        host,
        git_branch,
        agent_id,
        {{ agent_key('session_id', 'agent_id') }} as agent_key,
        advised_request_key,
        model,
        price_model_id,
        requested_at,
        last_line_at,
        {{ local_date_key('requested_at') }} as date_key,
        is_subagent,
        is_progress_only,
        is_finalized,
        service_tier,
        speed,
        inference_geo,
        input_tokens,
        output_tokens,
        cache_read_tokens,
        cache_creation_tokens,
        cache_creation_5m_tokens,
        cache_creation_1h_tokens,
        cache_creation_tokens > 0 and lacks_cache_split as lacks_cache_split,
        web_search_requests,
        if(is_finalized, null, greatest(output_tokens, cast(ceil(
            coalesce(visible_characters, 0) / {{ var('characters_per_token') }}
        ) as bigint))) as estimated_output_tokens,
        nullif(unknown_usage_fields, '') as unknown_usage_fields,
        if(attempt_tokens > answer_tokens, attempts - 1, 0) as extra_attempt_count,
        cast(greatest(attempt_tokens - answer_tokens, 0) as bigint) as extra_attempt_tokens,
        {%- for part in ['input', 'output', 'cache_read', 'cache_write', 'web_search'] %}
            round({{ part }}_cost_usd, 10) as {{ part }}_cost_usd,
        {%- endfor %}
        round(
            input_cost_usd + output_cost_usd + cache_read_cost_usd + cache_write_cost_usd + web_search_cost_usd, 10
        ) as cost_usd,
        round(uncached_usd - cache_read_cost_usd - cache_write_cost_usd, 10) as cache_savings_usd,
        cost_usd is not null as is_priced,
        is_long_context,
        price_multiplier,
        priced_on,
        price_key,
        line_count,
        session_count,
        load_id
    from costed

)

select * from final
