-- Lines that several sessions hold, and the set of sessions that each is held by. Who owns a line is decided per set, of which there are
-- few, and not per line. A table, for two models read it.
{{ config(materialized='incremental', incremental_strategy='by_session') }}

with holders as (

    select
        copy_key,
        session_key,
        min(event_at) as held_since
    from {{ ref('int_repeated_lines') }}
    group by copy_key, session_key

),

shared as (

    select
        copy_key,
        count(*) as sharing_sessions,
        bit_xor(hash(session_key)) as set_id
    from holders
    group by copy_key
    having count(*) > 1

)

select
    holders.copy_key,
    holders.session_key,
    holders.held_since,
    shared.sharing_sessions,
    shared.set_id
from shared
inner join holders on shared.copy_key = holders.copy_key
