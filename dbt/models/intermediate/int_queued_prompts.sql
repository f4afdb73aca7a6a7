-- Prompts that were typed while Claude worked and that only the operations of the queue tell of. A prompt counts where Claude took it
-- in the middle of its turn (remove) and no user line or attachment repeats it: what is taken at the end of a turn (dequeue) has a line
-- of its own, popAll gives the texts back to the person, and what still waits at the end was never asked.
with operations as (

    select
        document_id,
        {{ session_key() }} as session_key,
        attributes ->> '$.operation' as operation,
        trim(block_text) as content,
        event_at,
        byte_offset
    from {{ ref('stg_conversations') }}
    where line_type = 'queue-operation' and block_index = 0

),

-- An operation that names a text takes that one; any other takes what waits longest.
repeated as (

    select
        *,
        row_number() over (
            partition by session_key, operation, content order by event_at, byte_offset, document_id
        ) as repetition
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

turns as (

    select
        *,
        count(*) filter (where operation = 'popAll') over in_order as turn,
        case operation when 'enqueue' then 1 when 'popAll' then 0 else -1 end as step
    from operations
    where
        document_id not in (select named.document_id from named)
        and document_id not in (select named.removal_id from named)
    window in_order as (
        partition by session_key
        order by event_at, byte_offset, document_id rows between unbounded preceding and current row
    )

),

counted as (

    select
        *,
        sum(step) over in_order as balance,
        count(*) filter (where step = 1) over in_order as entries
    from turns
    window in_order as (
        partition by session_key, turn
        order by event_at, byte_offset, document_id rows between unbounded preceding and current row
    )

),

-- How many entries had been taken after each operation; taking from an empty queue takes nothing.
taken as (

    select
        *,
        entries - balance + least(0, min(balance) over (
            partition by session_key, turn
            order by event_at, byte_offset, document_id rows between unbounded preceding and current row
        )) as taken_entries
    from counted

),

removed as (

    select document_id from named
    union
    select entries.document_id
    from taken as entries
    inner join taken as removals
        on
            entries.session_key = removals.session_key
            and entries.turn = removals.turn
            and entries.entries = removals.taken_entries
    where entries.step = 1
    group by entries.document_id
    having
        arg_min(removals.operation, (removals.event_at, removals.byte_offset, removals.document_id))
        filter (where removals.step = -1) = 'remove'

),

prompts as (

    select
        operations.*,
        row_number() over (
            partition by operations.session_key, operations.content
            order by operations.event_at, operations.byte_offset, operations.document_id
        ) as repetition
    from operations
    inner join removed on operations.document_id = removed.document_id
    where operations.content != '' and not {{ is_wrapped_by_another('operations.content') }}

),

visible as (

    select
        prompts.document_id,
        count(distinct messages.document_id) as lines
    from prompts
    inner join {{ ref('stg_messages') }} as messages
        on
            prompts.session_key = {{ session_key('messages.') }}
            and prompts.content = {{ typed_text('messages.block_text') }}
            and prompts.event_at <= messages.event_at
    where messages.message_type = 'user' and not messages.is_queue_operation and messages.block_type = 'text'
    group by prompts.document_id

)

select prompts.document_id
from prompts
left join visible on prompts.document_id = visible.document_id
where prompts.repetition > coalesce(visible.lines, 0)
