-- A tool that the seed does not know is in every figure like any other.
with calls as (

    select
        tool_name,
        count(*) as call_count
    from {{ ref('fct_tool_calls') }}
    group by tool_name

)

select
    calls.tool_name,
    calls.call_count,
    tools.call_count as found_call_count
from calls
full outer join {{ ref('agg_tool_efficiency') }} as tools on calls.tool_name = tools.tool_name
where calls.call_count is distinct from tools.call_count
