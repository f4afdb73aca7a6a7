with calls as (

    select * from {{ ref('fct_tool_calls') }}
    where mcp_server is not null

),

final as (

    select
        mcp_server,
        count(distinct tool_name) as tool_count,
        count(*) as call_count,
        count(*) filter (where outcome = 'error') as error_count,
        min(started_at) as first_used_at,
        max(started_at) as last_used_at
    from calls
    group by mcp_server

)

select * from final
