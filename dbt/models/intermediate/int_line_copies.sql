-- Of the lines that stand more than once: which session owns them, and which of its lines is the one that counts. Everything that
-- must not count a copy asks this table, and a line that is not in it has no copy. Order of sessions is decided per set of sessions
-- that share lines, of which there are few.
{{ config(materialized='table') }}

with repeated as (

    select * from {{ ref('int_repeated_lines') }}

),

holders as (

    select
        copy_key,
        session_key,
        min(event_at) as held_since
    from repeated
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

),

members as (

    select
        shared.set_id,
        holders.session_key,
        max(shared.sharing_sessions) as sharing_sessions,
        min(holders.held_since) as held_since
    from shared
    inner join holders on shared.copy_key = holders.copy_key
    group by shared.set_id, holders.session_key

),

-- Lines that a session shares with nobody are a set of its own.
sets as (

    select
        set_id,
        session_key,
        held_since
    from members
    union all
    select
        hash(session_key) as set_id,
        session_key,
        min(event_at) as held_since
    from {{ ref('int_line_identities') }}
    where
        session_key in (select members.session_key from members)
        and document_id not in (select repeated.document_id from repeated semi join shared using (copy_key))
    group by session_key

),

-- A set of very many sessions is an id that repeats rather than a history of forks; there, who came first decides.
pairs as (

    select distinct
        members.session_key,
        others.session_key as other_key
    from members
    inner join members as others on members.set_id = others.set_id and members.session_key != others.session_key
    where members.sharing_sessions <= 64

),

unshared as (

    select
        pairs.session_key,
        pairs.other_key,
        min(sets.held_since) as begins_at
    from pairs
    inner join sets on pairs.session_key = sets.session_key
    left join members as theirs on sets.set_id = theirs.set_id and pairs.other_key = theirs.session_key
    where theirs.session_key is null
    group by pairs.session_key, pairs.other_key

),

own_lines as (

    select
        pairs.*,
        unshared.begins_at
    from pairs
    left join unshared on pairs.session_key = unshared.session_key and pairs.other_key = unshared.other_key

),

named_parents as (

    select distinct
        session_key,
        forked_from_session_id as parent_key
    from repeated
    where forked_from_session_id is not null and forked_from_session_id != session_key

),

-- A pointer says who copied; else what each session does not share with the other: it begins first in the origin, or there is none.
precedence as (

    select
        own_lines.session_key,
        own_lines.other_key as earlier_key
    from own_lines
    inner join own_lines as theirs
        on own_lines.session_key = theirs.other_key and own_lines.other_key = theirs.session_key
    left join named_parents as to_other
        on own_lines.session_key = to_other.session_key and own_lines.other_key = to_other.parent_key
    left join named_parents as to_own
        on own_lines.other_key = to_own.session_key and own_lines.session_key = to_own.parent_key
    where
        if(
            (to_other.parent_key is null) = (to_own.parent_key is null),
            coalesce(theirs.begins_at, '-infinity') < coalesce(own_lines.begins_at, '-infinity'),
            to_other.parent_key is not null
        )

),

arrivals as (

    select
        session_key,
        min(ingested_at) as ingested_at
    from repeated
    group by session_key

),

owners as (

    select
        members.set_id,
        members.session_key as owner_session_key
    from members
    inner join arrivals on members.session_key = arrivals.session_key
    left join precedence on members.session_key = precedence.session_key
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
        sum(coalesce(strlen(block_text), 0) + coalesce(tool_result_length, 0)) as content_length
    from {{ ref('stg_conversations') }}
    where document_id in (select repeated.document_id from repeated)
    group by document_id

),

owned as (

    select
        repeated.document_id,
        repeated.copy_key,
        repeated.session_key,
        repeated.load_id,
        coalesce(shared.sharing_sessions, 1) as sharing_sessions,
        coalesce(owners.owner_session_key, repeated.session_key) as owner_session_key,
        first_value(repeated.document_id) over (
            partition by repeated.copy_key
            order by
                repeated.session_key != coalesce(owners.owner_session_key, repeated.session_key),
                repeated.is_progress, repeated.is_sidechain, lengths.content_length desc,
                repeated.event_at, repeated.byte_offset, repeated.ingested_at, repeated.document_id
        ) as original_document_id
    from repeated
    left join shared on repeated.copy_key = shared.copy_key
    left join owners on shared.set_id = owners.set_id
    left join lengths on repeated.document_id = lengths.document_id

)

select
    *,
    document_id != original_document_id as is_copy
from owned
