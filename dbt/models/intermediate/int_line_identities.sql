-- Who each line is: its uuid, or what it shares with the lines that it was forked from or that were forked from it.
with lines as (

    select * from {{ ref('stg_conversations') }}
    where block_index = 0 and (uuid is not null or message_type is not null)

),

named as (

    select
        *,
        coalesce(uuid, if(not is_progress, forked_from_uuid, null)) as known_uuid
    from lines

),

identified as (

    select
        named.document_id,
        named.load_id,
        {{ session_key('named.') }} as session_key,
        named.agent_id,
        coalesce(forks.line_key, named.known_uuid, named.document_id) as line_key,
        named.forked_from_session_id,
        named.message_type,
        named.message_id,
        named.is_progress,
        named.is_sidechain,
        named.event_at,
        named.byte_offset,
        named.ingested_at
    from named
    left join {{ ref('int_forked_uuids') }} as forks on named.known_uuid = forks.uuid

)

select * from identified
