-- What tells the answers of one session and message id apart: the request, and within it what the finished lines report. Only of ids for
-- which that is a question: relays and gateways write one id for several answers, and forks go on with an answer of their parent.
{{ config(materialized='incremental', incremental_strategy='by_session') }}

with assistant_lines as (

    select
        document_id,
        {{ session_key() }} as session_key,
        message_id,
        request_id,
        event_at,
        byte_offset,
        case
            when stop_reason is not null and input_tokens is not null then {{ surrogate_key([
                'input_tokens', 'output_tokens', 'cache_read_tokens', 'cache_creation_tokens'
            ]) }}
        end as finished_as
    from {{ ref('stg_messages') }}
    where message_type = 'assistant' and block_index = 0

),

lines as (

    select
        assistant_lines.*,
        copies.document_id is not null as is_repeated,
        -- a version of what is no answer's line belongs to no answer of another line
        if(copies.is_copy and originals.document_id is not null, copies.original_document_id, null)
            as original_document_id
    from assistant_lines
    left join {{ ref('int_line_copies') }} as copies on assistant_lines.document_id = copies.document_id
    left join assistant_lines as originals on copies.original_document_id = originals.document_id

),

several as (

    select
        session_key,
        message_id,
        min(request_id) filter (where original_document_id is null)
        != max(request_id) filter (where original_document_id is null) as many_requests
    from lines
    where message_id is not null
    group by session_key, message_id
    having bool_or(is_repeated) or min(request_id) != max(request_id) or min(finished_as) != max(finished_as)

),

-- A line without a request id belongs to the request before it.
requests as (

    select
        lines.* replace (
            if(
                lines.original_document_id is not null, null,
                coalesce(
                    last_value(lines.request_id ignore nulls) over (in_order rows unbounded preceding),
                    first_value(lines.request_id ignore nulls) over (
                        in_order rows between current row and unbounded following
                    )
                )
            ) as request_id
        ),
        coalesce(several.many_requests, false) as many_requests
    from lines
    left join several on lines.session_key = several.session_key and lines.message_id = several.message_id
    where several.message_id is not null or lines.original_document_id is not null
    window in_order as (
        partition by lines.session_key, lines.message_id, lines.original_document_id is null
        order by lines.event_at, lines.byte_offset, lines.document_id
    )

),

-- An unfinished line belongs to the answer that is finished next, and behind the last one to that.
finished as (

    select
        requests.* replace (
            if(
                original_document_id is not null, null,
                coalesce(
                    first_value(finished_as ignore nulls) over (
                        in_order rows between current row and unbounded following
                    ),
                    last_value(finished_as ignore nulls) over (in_order rows unbounded preceding)
                )
            ) as finished_as
        ),
        coalesce(min(finished_as) over request != max(finished_as) over request, false) as many_answers
    from requests
    window
        request as (partition by session_key, message_id, original_document_id is null, request_id),
        in_order as (
            partition by session_key, message_id, original_document_id is null, request_id
            order by event_at, byte_offset, document_id
        )

)

select
    document_id,
    session_key,
    message_id,
    event_at,
    byte_offset,
    original_document_id,
    request_id,
    finished_as,
    case
        when original_document_id is null then {{ answer_key(
            'session_key', 'message_id',
            "if(many_requests, request_id, '') || if(many_answers, ':' || finished_as, '')"
        ) }}
    end as request_key
from finished
