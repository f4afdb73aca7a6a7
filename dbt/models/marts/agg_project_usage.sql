-- Tokens and cost by project.
with requests as (

    select * from {{ ref('fct_api_requests') }}

),

projects as (

    select
        project_id,
        min(requested_at) as first_request_at,
        max(requested_at) as last_request_at,
        cast(count(distinct session_id) as bigint) as session_count,
        cast(count(distinct date_key) as bigint) as active_day_count,
        {{ usage_measures() }}
    from requests
    where project_id is not null
    group by project_id

)

select * from projects
