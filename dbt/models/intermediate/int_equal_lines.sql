-- Messages that say the same at the same time under two uuids: in one session, where a resume wrote its lines again, or in two files of
-- which one repeats the other's answers. Each step is on few columns, and most lines leave after the first. A table, for it is asked twice.
{{ config(
    materialized='incremental',
    incremental_strategy='by_session',
    meta={'belongs': "line_key in (select line_key from touched.int_line_identities)"}
) }}

with recursive identities as (

    select
        *,
        hash(session_key, agent_id) as container
    from {{ ref('int_line_identities') }}
    where message_type in ('assistant', 'user')

),

moments as (

    select hash(message_type, event_at) as moment_hash
    from identities
    where event_at is not null
    group by all
    having min(hash(line_key)) != max(hash(line_key))

),

candidates as (

    select * from identities
    where hash(message_type, event_at) in (select moments.moment_hash from moments)

),

-- What was said, without the wrappers and images that may stand beside a prompt. Tool results are their ids: the output may be cleared.
contents as (

    select
        document_id,
        string_agg(
            md5(concat_ws(
                chr(31), block_type, tool_use_id,
                if(message_type = 'user', {{ typed_digest() }}, {{ text_digest() }})
            )), '' order by block_index
        ) filter (
            where message_type = 'assistant' or tool_use_id is not null or {{ typed_digest() }} != md5('')
        ) as content
    from {{ ref('stg_messages') }}
    where document_id in (select candidates.document_id from candidates)
    group by document_id

),

spoken as (

    select
        candidates.*,
        hash(candidates.message_type, candidates.event_at, candidates.message_id, contents.content) as content_hash
    from candidates
    left join contents on candidates.document_id = contents.document_id

),

-- Conversations that hold versions of one answer's line, under one uuid or under two: one of them repeats the other's lines. Prompts that
-- are alike in two other conversations are two prompts.
answers as (

    select
        container,
        content_hash as answer_hash
    from spoken
    where message_type = 'assistant' and message_id is not null
    union all
    select
        container,
        hash(line_key) as answer_hash
    from identities
    where message_type = 'assistant' and message_id is not null

),

anchors as materialized (

    select distinct
        container,
        answer_hash
    from answers
    qualify min(container) over (partition by answer_hash) != max(container) over (partition by answer_hash)

),

-- Also through a third: what one repeats of another, and that of the next, is one family.
related as (

    {{ connected('related', 'anchors', 'container', 'answer_hash') }}

),

families as (

    select
        container,
        min(family) as family
    from related
    group by container

),

-- An answer without a message id may be another one, however alike: it is never merged.
repetitions as materialized (

    select distinct
        spoken.line_key,
        hash(coalesce(families.family, spoken.container), spoken.content_hash) as said
    from spoken
    left join families on spoken.container = families.container
    where spoken.message_type = 'user' or spoken.message_id is not null
    qualify min(spoken.line_key) over (partition by said) != max(spoken.line_key) over (partition by said)

),

equal_lines as (

    {{ connected('equal_lines', 'repetitions', 'line_key', 'said') }}

)

select
    line_key,
    min(family) as copy_key
from equal_lines
group by line_key
having min(family) != line_key
