with hosts as (

    select * from {{ ref('dim_hosts') }}
    where person is not null

),

final as (

    select
        person_key,
        person,
        count(*) as host_count,
        sum(session_count)::bigint as session_count,
        sum(request_count)::bigint as request_count,
        min(first_session_at) as first_session_at,
        max(last_session_at) as last_session_at
    from hosts
    group by person_key, person

)

select * from final
