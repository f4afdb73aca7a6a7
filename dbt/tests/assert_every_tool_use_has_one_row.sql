-- Copies merge, nothing else does: the calls that the lines hold are the rows of fct_tool_calls.
{{ config(meta={'reads': 'session'}) }}

select
    pairs.tool_call_key as found_in_lines,
    calls.tool_call_key as found_in_fct_tool_calls
from (
    select distinct tool_call_key from {{ ref('int_tool_pairs') }}
    where block_kind = 'use'
) as pairs
full outer join {{ ref('fct_tool_calls') }} as calls on pairs.tool_call_key = calls.tool_call_key
where pairs.tool_call_key is null or calls.tool_call_key is null
