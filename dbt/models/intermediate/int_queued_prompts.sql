-- Prompts that were typed while Claude worked and that only the operations of the queue tell of: Claude took them in the middle of its
-- turn, and no user line or attachment repeats them. What is taken at the end of a turn has its own line.
with prompts as (

    select
        lines.document_id,
        {{ session_key('lines.') }} as session_key,
        lines.event_at,
        {{ trimmed_digest('lines.') }} as content,
        row_number() over (
            partition by {{ session_key('lines.') }}, {{ trimmed_digest('lines.') }}
            order by lines.event_at, lines.byte_offset, lines.document_id
        ) as repetition
    from {{ ref('stg_messages') }} as lines
    inner join {{ ref('int_queue_removals') }} as removals on lines.document_id = removals.document_id
    where
        {{ trimmed_digest('lines.') }} != md5('')
        and not {{ kept_or('is_wrapped', is_wrapped_by_another('trim(lines.block_text)'), 'boolean', 'lines.') }}

),

visible as (

    select
        prompts.document_id,
        count(distinct messages.document_id) as line_count
    from prompts
    inner join {{ ref('stg_messages') }} as messages
        on
            prompts.session_key = {{ session_key('messages.') }}
            and prompts.content = {{ typed_digest('messages.') }}
            and prompts.event_at <= messages.event_at
    where messages.message_type = 'user' and not messages.is_queue_operation and messages.block_type = 'text'
    group by prompts.document_id

)

select prompts.document_id
from prompts
left join visible on prompts.document_id = visible.document_id
where prompts.repetition > coalesce(visible.line_count, 0)
