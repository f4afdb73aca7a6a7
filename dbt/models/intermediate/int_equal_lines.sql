-- Messages that say the same at the same time under two uuids: in one session, where a resume wrote its lines again, or in two files of
-- which one repeats the other's answers. Each step is on few columns, and most lines leave after the first.
with identities as (

    select
        *,
        hash(session_key, agent_id) as container
    from {{ ref('int_line_identities') }}
    where message_type in ('assistant', 'user') and event_at is not null

),

moments as (

    select hash(message_type, event_at) as moment_hash
    from identities
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
                if(message_type = 'user', {{ typed_text('block_text') }}, block_text)
            )), '' order by block_index
        ) filter (
            where message_type = 'assistant' or tool_use_id is not null or {{ typed_text('block_text') }} != ''
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

-- Files that hold one answer at the same time with the same content under two uuids: one of them repeats the other's lines. Prompts that
-- are alike in two other files are two prompts.
anchors as (

    select distinct
        container,
        min(container) over (partition by content_hash) as family
    from spoken
    where message_type = 'assistant' and message_id is not null

),

families as (

    select
        anchors.container,
        min(coalesce(further.family, anchors.family)) as family
    from anchors
    left join anchors as further on anchors.family = further.container
    group by anchors.container

),

-- An answer without a message id may be another one, however alike: it is never merged.
equal_lines as (

    select
        spoken.line_key,
        min(spoken.line_key) over (
            partition by coalesce(families.family, spoken.container), spoken.content_hash
        ) as copy_key
    from spoken
    left join families on spoken.container = families.container
    where spoken.message_type = 'user' or spoken.message_id is not null

)

select
    line_key,
    min(copy_key) as copy_key
from equal_lines
group by line_key
having min(copy_key) != line_key
