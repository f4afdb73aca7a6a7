-- Of the lines that stand more than once: which session owns them, and which of the versions is the one that counts. Everything that
-- must not count a copy asks this table; a line that is not in it has no copy.
{{ config(materialized='incremental', incremental_strategy='by_session') }}

with repeated as (

    select * from {{ ref('int_repeated_lines') }}

),

shared as (

    select * from {{ ref('int_shared_lines') }}

),

members as (

    select distinct
        set_id,
        session_key
    from shared

),

arrivals as (

    select
        session_key,
        min(ingested_at) as ingested_at
    from repeated
    group by session_key

),

-- The session that none of the others precedes; of several, the one that was collected first. Never one by its file's name.
owners as (

    select
        members.set_id,
        members.session_key as owner_session_key
    from members
    inner join arrivals on members.session_key = arrivals.session_key
    left join {{ ref('int_session_precedence') }} as precedence on members.session_key = precedence.session_key
    left join members as earlier
        on members.set_id = earlier.set_id and precedence.earlier_key = earlier.session_key
    group by members.set_id, members.session_key
    qualify row_number() over (
        partition by members.set_id
        order by count(earlier.session_key), min(arrivals.ingested_at), md5(members.session_key)
    ) = 1

),

-- Of the versions of a line, the fuller: a file may be written again with its old tool results cleared.
lengths as (

    select
        document_id,
        sum(coalesce({{ bytes_of_text() }}, 0) + coalesce(tool_result_length, 0)) as content_length
    from {{ ref('stg_conversations') }}
    where document_id in (select repeated.document_id from repeated)
    group by document_id

),

-- A damaged version of a message may have lost its type: it is no message, and must not stand for one.
messages as (

    select distinct document_id
    from {{ ref('stg_messages') }}
    where document_id in (select repeated.document_id from repeated)

),

owned as (

    select
        repeated.*,
        messages.document_id is null as is_no_message,
        coalesce(shared.sharing_sessions, 1) as sharing_sessions,
        coalesce(owners.owner_session_key, repeated.session_key) as owner_session_key,
        coalesce(-lengths.content_length, 0) as missing_length
    from repeated
    left join shared on repeated.copy_key = shared.copy_key and repeated.session_key = shared.session_key
    left join owners on shared.set_id = owners.set_id
    left join lengths on repeated.document_id = lengths.document_id
    left join messages on repeated.document_id = messages.document_id

),

decided as (

    select
        document_id,
        copy_key,
        session_key,
        sharing_sessions,
        owner_session_key,
        first_value(document_id) over (
            partition by copy_key
            order by
                is_no_message, session_key != owner_session_key, is_progress, is_sidechain, missing_length, event_at,
                byte_offset, document_id
        ) as original_document_id
    from owned

)

select
    *,
    document_id != original_document_id as is_copy
from decided
