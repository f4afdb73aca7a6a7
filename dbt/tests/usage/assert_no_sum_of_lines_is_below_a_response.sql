-- Merging a response's lines cannot give more tokens than the lines hold together.
with lines as (

    select
        sum(output_tokens) as output_tokens,
        sum(input_tokens) as input_tokens,
        sum(cache_read_tokens) as cache_read_tokens
    from {{ ref('int_api_response_lines') }}

),

responses as (

    select
        sum(output_tokens) as output_tokens,
        sum(input_tokens) as input_tokens,
        sum(cache_read_tokens) as cache_read_tokens
    from {{ ref('fct_api_requests') }}

)

select
    lines.output_tokens as output_tokens_in_lines,
    responses.output_tokens as output_tokens_in_responses
from lines
cross join responses
where responses.output_tokens > lines.output_tokens
    or responses.input_tokens > lines.input_tokens
    or responses.cache_read_tokens > lines.cache_read_tokens
