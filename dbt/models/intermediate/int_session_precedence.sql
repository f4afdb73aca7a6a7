-- Which of two sessions that share lines was there first. A pointer (forkedFrom) says who copied; else what each session does not share
-- with the other: it begins first in the origin, or the origin is not there.
with members as (

    select
        set_id,
        session_key,
        max(sharing_sessions) as sharing_sessions,
        min(held_since) as held_since
    from {{ ref('int_shared_lines') }}
    group by set_id, session_key

),

repeated as (

    select * from {{ ref('int_repeated_lines') }}

),

-- Lines that a session shares with nobody are its own set.
sets as (

    select
        set_id,
        session_key,
        held_since
    from members
    union all
    select
        hash(lines.session_key) as set_id,
        lines.session_key,
        min(lines.event_at) as held_since
    from {{ ref('int_line_identities') }} as lines
    left join repeated on lines.document_id = repeated.document_id
    left join {{ ref('int_shared_lines') }} as shared
        on repeated.copy_key = shared.copy_key and repeated.session_key = shared.session_key
    where shared.copy_key is null and lines.session_key in (select members.session_key from members)
    group by lines.session_key

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

named_parents as (

    select distinct
        session_key,
        forked_from_session_id as parent_key
    from repeated
    where forked_from_session_id is not null and forked_from_session_id != session_key

),

compared as (

    select
        pairs.*,
        to_other.parent_key is not null as names_other,
        to_own.parent_key is not null as is_named,
        coalesce(own.begins_at, '-infinity') as begins_at,
        coalesce(theirs.begins_at, '-infinity') as other_begins_at
    from pairs
    left join unshared as own on pairs.session_key = own.session_key and pairs.other_key = own.other_key
    left join unshared as theirs on pairs.session_key = theirs.other_key and pairs.other_key = theirs.session_key
    left join named_parents as to_other
        on pairs.session_key = to_other.session_key and pairs.other_key = to_other.parent_key
    left join named_parents as to_own
        on pairs.other_key = to_own.session_key and pairs.session_key = to_own.parent_key

)

select
    session_key,
    other_key as earlier_key
from compared
where if(names_other = is_named, other_begins_at < begins_at, names_other)
