-- Merging a response's lines cannot give more tokens than the lines hold together.
{{ config(meta={'reads': 'session'}) }}

with lines as (

    select
        request_key,
        sum(input_tokens) as input_tokens,
        sum(output_tokens) as output_tokens,
        sum(cache_read_tokens) as cache_read_tokens
    from {{ ref('int_api_response_lines') }}
    group by request_key

)

select
    lines.request_key,
    lines.output_tokens as output_tokens_in_lines,
    responses.output_tokens
from lines
inner join {{ ref('fct_api_requests') }} as responses on lines.request_key = responses.request_key
where
    responses.input_tokens > lines.input_tokens
    or responses.output_tokens > lines.output_tokens
    or responses.cache_read_tokens > lines.cache_read_tokens
