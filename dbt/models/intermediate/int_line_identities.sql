-- Who each line is: its uuid, or that of the line which any line of that uuid says it was forked from. A fork of a fork is followed to the
-- first of the three. In a progress line the pointer speaks of the line around it, and not of the one inside.
with lines as (

    select * from {{ ref('stg_conversations') }}
    where block_index = 0 and (uuid is not null or message_type is not null)

),

forks as (

    select
        uuid,
        min(forked_from_uuid) as forked_from_uuid
    from lines
    where forked_from_uuid is not null and forked_from_uuid != uuid and not is_progress
    group by uuid

),

identified as (

    select
        lines.document_id,
        lines.load_id,
        {{ session_key('lines.') }} as session_key,
        lines.agent_id,
        coalesce(
            first_lines.forked_from_uuid,
            forks.forked_from_uuid,
            lines.uuid,
            if(not lines.is_progress, lines.forked_from_uuid, null),
            lines.document_id
        ) as line_key,
        lines.forked_from_session_id,
        lines.message_type,
        lines.message_id,
        lines.is_progress,
        lines.is_sidechain,
        lines.event_at,
        lines.byte_offset,
        lines.ingested_at
    from lines
    left join forks on lines.uuid = forks.uuid
    left join forks as first_lines on forks.forked_from_uuid = first_lines.uuid

)

select * from identified
