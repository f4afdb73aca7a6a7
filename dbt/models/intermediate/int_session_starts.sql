-- When each session began, over lines of every kind. Rows that several sessions hold belong to the one that began first.
with lines as (

    select * from {{ ref('stg_conversations') }}

),

starts as (

    select
        session_id,
        min(event_at) as session_started_at
    from lines
    where session_id is not null
    group by session_id

)

select * from starts
