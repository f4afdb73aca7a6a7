-- Each aggregate holds every response that it is about exactly once: tokens to the token, cost to a billionth of a dollar a row.
{%- set aggregates = {
    'agg_daily_usage': 'true',
    'agg_session_usage': 'session_id is not null',
    'agg_project_usage': 'project_id is not null',
    'agg_agent_usage': 'is_subagent',
    'agg_usage_blocks': 'requested_at is not null'
} %}
with
{%- for aggregate, is_in in aggregates.items() %}
{{ aggregate }}_sums as (

    select
        '{{ aggregate }}' as aggregate_name,
        coalesce(sum(responses), 0) as responses,
        coalesce(sum(input_tokens), 0) as input_tokens,
        coalesce(sum(output_tokens), 0) as output_tokens,
        coalesce(sum(cache_read_tokens), 0) as cache_read_tokens,
        coalesce(sum(cache_creation_tokens), 0) as cache_creation_tokens,
        coalesce(sum(cost_usd), 0) as cost_usd
    from {{ ref(aggregate) }}

),

{{ aggregate }}_responses as (

    select
        count(*) as responses,
        coalesce(sum(input_tokens), 0) as input_tokens,
        coalesce(sum(output_tokens), 0) as output_tokens,
        coalesce(sum(cache_read_tokens), 0) as cache_read_tokens,
        coalesce(sum(cache_creation_tokens), 0) as cache_creation_tokens,
        coalesce(sum(cost_usd), 0) as cost_usd
    from {{ ref('fct_api_requests') }}
    where {{ is_in }}

){{ ',' if not loop.last }}
{% endfor %}
{%- for aggregate in aggregates %}
select
    found.*,
    expected.responses as expected_responses,
    expected.cost_usd as expected_cost_usd
from {{ aggregate }}_sums as found
cross join {{ aggregate }}_responses as expected
where (found.responses, found.input_tokens, found.output_tokens, found.cache_read_tokens, found.cache_creation_tokens)
    is distinct from (
        expected.responses, expected.input_tokens, expected.output_tokens, expected.cache_read_tokens,
        expected.cache_creation_tokens
    )
    or abs(found.cost_usd - expected.cost_usd) > 1e-9 * (1 + expected.responses)
{{ 'union all' if not loop.last }}
{%- endfor %}
