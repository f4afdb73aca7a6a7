{#- Fails where an aggregate does not hold every response that it is about exactly once: tokens to the token, cost but
    for rounding. A sum that count_sum holds at the largest value says nothing. -#}
{% test adds_up_to_responses(model, of='true') %}
{%- set sums %}
    coalesce(sum(input_tokens), 0) as input_tokens,
    coalesce(sum(output_tokens), 0) as output_tokens,
    coalesce(sum(cache_read_tokens), 0) as cache_read_tokens,
    coalesce(sum(cache_creation_tokens), 0) as cache_creation_tokens,
    coalesce(sum(cost_usd), 0) as cost_usd
{%- endset %}
with found as (
    select
        coalesce(sum(response_count), 0) as responses, {{ sums }},
        max(greatest(input_tokens, output_tokens, cache_read_tokens, cache_creation_tokens)) as largest_sum
    from {{ model }}
),
expected as (
    select count(*) as responses, {{ sums }} from {{ ref('fct_api_requests') }} where {{ of }}
)
select found.*, expected.*
from found cross join expected
where found.responses != expected.responses
    or (
        found.largest_sum < 9223372036854775807
        and (
            found.input_tokens != expected.input_tokens
            or found.output_tokens != expected.output_tokens
            or found.cache_read_tokens != expected.cache_read_tokens
            or found.cache_creation_tokens != expected.cache_creation_tokens
        )
    )
    or abs(found.cost_usd - expected.cost_usd) > 1e-9 * (1 + expected.responses + expected.cost_usd)
{% endtest %}
