with calls as (

    select * from {{ ref('fct_tool_calls') }}

),

known as (

    select * from {{ ref('tool_categories') }}

),

called as (

    select
        calls.tool_name,
        min(calls.tool_category) as tool_category,
        min(calls.file_operation) as file_operation,
        min(calls.mcp_server) as mcp_server,
        bool_or(starts_with(calls.tool_name, 'mcp__')) as is_mcp,
        count(known.tool_name) > 0 as is_known,
        min(calls.started_at) as first_used_at,
        max(calls.started_at) as last_used_at
    from calls
    left join known on calls.tool_name = known.tool_name
    group by calls.tool_name

),

-- what stands for answers that call no tool, so that every row of agg_tool_usage_cost has its tool
none as (

    select
        '(no tool)' as tool_name,
        'none' as tool_category,
        false as is_mcp,
        true as is_known

),

final as (

    select * from called
    union all by name
    select * from none

)

select * from final
