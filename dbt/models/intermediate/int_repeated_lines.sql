-- Lines that stand more than once: under the same uuid; or, in one session or in files that repeat answers under new uuids, with the
-- same time and content. A table, and each step on few columns: several facts read it, and most lines are not in it.
{{ config(materialized='table') }}

with identities as (

    select
        *,
        hash(session_key, agent_id) as container
    from {{ ref('int_line_identities') }}

),

repeated_keys as (

    select hash(line_key) as key_hash
    from identities
    group by all
    having count(*) > 1

),

repeated_moments as (

    select hash(message_type, event_at) as moment_hash
    from identities
    where message_type in ('assistant', 'user') and event_at is not null
    group by all
    having min(hash(line_key)) != max(hash(line_key))

),

candidates as (

    select * from identities
    where
        message_type in ('assistant', 'user')
        and hash(message_type, event_at) in (select repeated_moments.moment_hash from repeated_moments)

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

-- Files that hold one answer at the same time with the same content under two uuids: one of them repeats the other's lines.
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

),

merged_keys as (

    select
        line_key,
        min(copy_key) as copy_key
    from equal_lines
    group by line_key
    having min(copy_key) != line_key

),

keyed as (

    select
        identities.* exclude (line_key, message_type, message_id, container),
        coalesce(merged_keys.copy_key, identities.line_key) as copy_key
    from identities
    left join merged_keys on identities.line_key = merged_keys.line_key
    where
        hash(identities.line_key) in (select repeated_keys.key_hash from repeated_keys)
        or identities.line_key in (select merged_keys.line_key from merged_keys)
        or identities.line_key in (select merged_keys.copy_key from merged_keys)

)

select * from keyed
