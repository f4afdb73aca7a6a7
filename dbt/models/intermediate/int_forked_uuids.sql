-- Uuids of lines that were forked from one another, whoever of them says so. In a progress line the pointer speaks of the line around it,
-- and not of the one inside. A table, for several models ask it.
{{ config(
    materialized='incremental',
    incremental_strategy='by_session',
    meta={'belongs': "uuid in (select uuid from touched.conversations union all select forked_from_uuid from touched.conversations)"}
) }}

with recursive pointers as materialized (

    select distinct
        uuid,
        forked_from_uuid
    from {{ ref('stg_conversations') }}
    where block_index = 0 and uuid is not null and forked_from_uuid is not null and not is_progress

),

forks as materialized (

    select
        uuid,
        forked_from_uuid as origin
    from pointers
    union
    select
        forked_from_uuid as uuid,
        forked_from_uuid as origin
    from pointers

),

rounds as (

    {{ connected('rounds', 'forks', 'uuid', 'origin') }}

)

select
    uuid,
    min(family) as line_key
from rounds
group by uuid
