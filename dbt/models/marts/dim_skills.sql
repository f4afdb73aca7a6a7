with calls as (

    select * from {{ ref('fct_tool_calls') }}
    where nullif(skill_name, '') is not null

),

final as (

    select
        skill_name,
        count(*) as call_count,
        count(distinct session_id) as session_count,
        min(started_at) as first_used_at,
        max(started_at) as last_used_at
    from calls
    group by skill_name

)

select * from final
