with messages as (

    select * from {{ ref('fct_messages') }}
    where command_name is not null and not is_copy

),

final as (

    select
        command_name,
        count(*) as use_count,
        count(distinct session_id) as session_count,
        min(sent_at) as first_used_at,
        max(sent_at) as last_used_at
    from messages
    group by command_name

)

select * from final
