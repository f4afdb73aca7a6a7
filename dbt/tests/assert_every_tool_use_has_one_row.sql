-- Copies merge, nothing else does: the ids of the tool_use blocks are the rows of fct_tool_calls.
select
    uses.tool_use_id as found_in_lines,
    calls.tool_call_key as found_in_fct_tool_calls
from (select distinct tool_use_id from {{ ref('stg_tool_calls') }} where block_kind = 'use') as uses
full outer join {{ ref('fct_tool_calls') }} as calls on uses.tool_use_id = calls.tool_call_key
where uses.tool_use_id is null or calls.tool_call_key is null
