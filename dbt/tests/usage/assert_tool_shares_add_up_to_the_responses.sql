-- Sharing answers among their tool calls loses nothing and adds nothing.
{{ config(meta={'reads': 'day'}) }}

with shares as (

    select
        coalesce(sum(total_tokens), 0) as total_tokens,
        coalesce(sum(cost_usd), 0) as cost_usd
    from {{ ref('agg_tool_usage_cost') }}

),

responses as (

    select
        count(*) as responses,
        coalesce(sum(input_tokens + output_tokens + cache_read_tokens + cache_creation_tokens), 0) as total_tokens,
        coalesce(sum(cost_usd), 0) as cost_usd
    from {{ ref('fct_api_requests') }}

)

select
    shares.*,
    responses.total_tokens as expected_tokens,
    responses.cost_usd as expected_cost_usd
from shares
cross join responses
where
    abs(shares.total_tokens - responses.total_tokens) > 1e-6 * (1 + responses.responses) + 1e-9 * responses.total_tokens
    or abs(shares.cost_usd - responses.cost_usd) > 1e-6 * (1 + responses.responses) + 1e-9 * responses.cost_usd
