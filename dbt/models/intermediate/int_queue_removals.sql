-- Entries of the queue of prompts that Claude took in the middle of its turn (remove). An operation that names a text takes that entry; any
-- other takes what waits longest; popAll gives all of them back; and taking from an empty queue takes nothing.
with operations as (

    select
        document_id,
        {{ session_key() }} as session_key,
        attributes ->> '$.operation' as operation,
        {{ trimmed_digest() }} as content,
        row_number() over (
            partition by {{ session_key() }} order by event_at, byte_offset, document_id
        ) as position
    from {{ ref('stg_conversations') }}
    where line_type = 'queue-operation' and block_index = 0

),

repeated as (

    select
        *,
        row_number() over (partition by session_key, operation, content order by position) as repetition
    from operations
    where operation in ('enqueue', 'remove') and content is not null

),

named as (

    select
        entries.document_id,
        removals.document_id as removal_id
    from repeated as entries
    inner join repeated as removals
        on
            entries.session_key = removals.session_key
            and entries.content = removals.content
            and entries.repetition = removals.repetition
    where entries.operation = 'enqueue' and removals.operation = 'remove'

),

unnamed as (

    select
        operations.*,
        case operations.operation when 'enqueue' then 1 when 'popAll' then 0 else -1 end as step,
        count(*) filter (where operations.operation = 'popAll') over (
            partition by operations.session_key order by operations.position
        ) as turn
    from operations
    left join named
        on operations.document_id = named.document_id or operations.document_id = named.removal_id
    where named.document_id is null

),

counted as (

    select
        *,
        sum(step) over in_order as balance,
        count(*) filter (where step = 1) over in_order as entries
    from unnamed
    window in_order as (partition by session_key, turn order by position)

),

taken as (

    select
        *,
        entries - balance + least(0, min(balance) over (
            partition by session_key, turn order by position
        )) as taken_entries
    from counted

),

first_come as (

    select
        entries.document_id,
        arg_min(removals.operation, removals.position) as operation
    from taken as entries
    inner join taken as removals
        on
            entries.session_key = removals.session_key
            and entries.turn = removals.turn
            and entries.entries = removals.taken_entries
    where entries.step = 1 and removals.step = -1
    group by entries.document_id

)

select document_id from named
union
select document_id from first_come
where operation = 'remove'
