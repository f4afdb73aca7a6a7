-- Lines of every kind, counted by session, local date and machine, and by type and version where the type is not known: what the
-- dimensions and the figures of data quality ask of all lines, so that none of them reads these again.
{{ config(materialized='incremental', incremental_strategy='by_session') }}

with lines as (

    select
        {{ session_key() }} as session_key,
        session_id,
        event_date,
        event_at,
        host,
        {{ is_unknown_line_type('line_type') }} as is_unknown,
        line_type,
        version
    from {{ ref('stg_conversations') }}
    where block_index = 0

)

select
    session_key,
    session_id,
    event_date,
    host,
    is_unknown,
    if(is_unknown, coalesce(line_type, '(none)'), null) as line_type,
    if(is_unknown, coalesce(version, '(none)'), null) as version,
    count(*) as line_count,
    count(*) - count(event_at) as timeless_line_count,
    min(event_at) as first_event_at,
    max(event_at) as last_event_at
from lines
group by all
