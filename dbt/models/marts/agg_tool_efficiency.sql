with calls as (

    select
        *,
        if(outcome in ('success', 'error'), duration_ms, null) as working_ms
    from {{ ref('fct_tool_calls') }}

),

final as (

    select
        tool_name,
        min(tool_category) as tool_category,
        min(mcp_server) as mcp_server,
        count(*) as call_count,
        count(distinct session_id) as session_count,
        count(*) filter (where is_subagent) as subagent_call_count,
        count(*) filter (where outcome = 'success') as success_count,
        count(*) filter (where outcome = 'error') as error_count,
        count(*) filter (where outcome = 'denied') as denied_count,
        count(*) filter (where outcome = 'interrupted') as interrupted_count,
        count(*) filter (where outcome = 'incomplete') as incomplete_count,
        count(*) filter (where outcome = 'success')
        / nullif(count(*) filter (where outcome != 'denied'), 0) as success_rate,
        coalesce({{ count_sum('working_ms') }}, 0) as total_duration_ms,
        quantile_cont(working_ms, 0.5) as p50_duration_ms,
        quantile_cont(working_ms, 0.95) as p95_duration_ms,
        coalesce({{ count_sum('result_length') }}, 0) as result_characters,
        coalesce({{ count_sum('lines_added') }}, 0) as lines_added,
        coalesce({{ count_sum('lines_removed') }}, 0) as lines_removed
    from calls
    group by tool_name

)

select * from final
