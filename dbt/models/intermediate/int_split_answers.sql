-- Lines of answers for which session and message id do not say it all: an id that stands for several answers of a session, as relays
-- and gateways write it, and answers that were copied from another session or file. Few lines, so a table.
{{ config(materialized='table') }}

with lines as (

    select
        messages.document_id,
        {{ session_key('messages.') }} as session_key,
        messages.message_id,
        messages.request_id,
        messages.event_at,
        messages.byte_offset,
        coalesce(copies.is_copy, false) as is_copy,
        copies.original_document_id,
        case
            when messages.stop_reason is not null and messages.input_tokens is not null then cast(hash(
                messages.input_tokens, messages.output_tokens, messages.cache_read_tokens,
                messages.cache_creation_tokens
            ) as varchar)
        end as finished_as
    from {{ ref('stg_messages') }} as messages
    left join {{ ref('int_line_copies') }} as copies on messages.document_id = copies.document_id
    where messages.message_type = 'assistant' and messages.block_index = 0 and messages.message_id is not null

),

several as (

    select
        session_key,
        message_id,
        min(request_id) filter (where not is_copy) != max(request_id) filter (where not is_copy) as many_requests
    from lines
    group by session_key, message_id
    having
        bool_or(is_copy)
        or min(request_id) != max(request_id)
        or min(finished_as) != max(finished_as)

),

-- A line without a request id belongs to the request before it.
requests as (

    select
        lines.*,
        if(
            several.many_requests,
            coalesce(
                last_value(lines.request_id ignore nulls) over (
                    in_order rows between unbounded preceding and current row
                ),
                first_value(lines.request_id ignore nulls) over (
                    in_order rows between current row and unbounded following
                )
            ),
            ''
        ) as request_label
    from lines
    inner join several on lines.session_key = several.session_key and lines.message_id = several.message_id
    where not lines.is_copy
    window in_order as (
        partition by lines.session_key, lines.message_id
        order by lines.event_at, lines.byte_offset, lines.document_id
    )

),

-- An unfinished line belongs to the answer that is finished next, and behind the last one to that.
finished as (

    select
        requests.*,
        coalesce(
            first_value(finished_as ignore nulls) over (in_order rows between current row and unbounded following),
            last_value(finished_as ignore nulls) over (in_order rows between unbounded preceding and current row)
        ) as answer_label,
        min(finished_as) over request != max(finished_as) over request as many_answers
    from requests
    window
        request as (partition by session_key, message_id, request_label),
        in_order as (
            partition by session_key, message_id, request_label order by event_at, byte_offset, document_id
        )

),

named as (

    select
        *,
        request_label || if(coalesce(many_answers, false), ':' || answer_label, '') as answer_name
    from finished

),

own as (

    select
        document_id,
        {{ answer_key('session_key', 'message_id', 'answer_name') }} as request_key
    from named

),

-- A copied line belongs to the answer of its original.
copied as (

    select
        lines.document_id,
        lines.session_key,
        lines.message_id,
        lines.request_id,
        lines.finished_as,
        lines.event_at,
        coalesce(own.request_key, {{ answer_key('originals.session_key', 'originals.message_id') }}) as request_key
    from lines
    inner join lines as originals on lines.original_document_id = originals.document_id
    left join own on lines.original_document_id = own.document_id
    where lines.is_copy

),

elsewhere as (

    select copied.*
    from copied
    inner join lines on copied.document_id = lines.document_id
    inner join lines as originals on lines.original_document_id = originals.document_id
    where originals.session_key != lines.session_key

),

-- A line that only the copying session holds goes on with the copied answer, unless it cannot be the same one.
continued as (

    select
        finished.document_id,
        arg_min(copied.request_key, abs(epoch_ms(copied.event_at) - epoch_ms(finished.event_at))) as request_key
    from finished
    inner join elsewhere as copied
        on
            finished.session_key = copied.session_key
            and finished.message_id = copied.message_id
            and coalesce(finished.request_id = copied.request_id, true)
            and coalesce(finished.finished_as = copied.finished_as, true)
    group by finished.document_id

)

select
    document_id,
    request_key
from copied
union all
select
    own.document_id,
    coalesce(continued.request_key, own.request_key) as request_key
from own
left join continued on own.document_id = continued.document_id
