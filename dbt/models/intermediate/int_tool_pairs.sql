-- Which result answers which call, on keys alone. A call is a tool_use id within an answer: providers number the calls of each answer
-- from 0. A result belongs to the call of its session with its id, in whatever order they stand; of several with the id, to the last
-- before it, or else the next: of those of its agent, if there are any.
with blocks as (

    select
        *,
        {{ session_key() }} as session_key
    from {{ ref('stg_tool_calls') }}

),

uses as (

    select
        blocks.tool_block_id,
        blocks.document_id,
        blocks.block_index,
        blocks.session_key,
        blocks.agent_id,
        blocks.tool_use_id,
        blocks.is_progress,
        blocks.is_sidechain,
        blocks.event_at,
        blocks.byte_offset,
        blocks.load_id,
        coalesce(copies.is_copy, false) as is_copy,
        coalesce(
            answers.request_key, originals.request_key,
            {{ surrogate_key(["'line'", 'coalesce(copies.original_document_id, blocks.document_id)']) }}
        ) as answer_key,
        {{ surrogate_key(['answer_key', 'blocks.tool_use_id']) }} as tool_call_key,
        answers.request_key,
        coalesce(answers.is_billed, false) as is_billed
    from blocks
    left join {{ ref('int_answer_lines') }} as answers on blocks.document_id = answers.document_id
    left join {{ ref('int_line_copies') }} as copies on blocks.document_id = copies.document_id
    -- a damaged copy may have lost its type, and with it its answer
    left join {{ ref('int_answer_lines') }} as originals on copies.original_document_id = originals.document_id
    where blocks.block_kind = 'use'

),

results as (

    select
        blocks.tool_block_id,
        blocks.document_id,
        blocks.block_index,
        blocks.session_key,
        blocks.agent_id,
        blocks.tool_use_id,
        blocks.is_progress,
        blocks.is_sidechain,
        blocks.is_error,
        blocks.tool_denial_kind,
        blocks.event_at,
        blocks.byte_offset,
        blocks.load_id,
        coalesce(copies.is_copy, false) as is_copy
    from blocks
    left join {{ ref('int_line_copies') }} as copies on blocks.document_id = copies.document_id
    where blocks.block_kind = 'result'

),

only_calls as (

    select
        session_key,
        tool_use_id,
        min(tool_call_key) as tool_call_key,
        min(tool_call_key) != max(tool_call_key) as is_reused
    from uses
    group by session_key, tool_use_id

),

in_order as (

    select
        session_key,
        agent_id,
        tool_use_id,
        tool_call_key,
        null as tool_block_id,
        event_at,
        byte_offset,
        document_id,
        block_index,
        0 as position
    from uses
    union all
    select
        session_key,
        agent_id,
        tool_use_id,
        null as tool_call_key,
        tool_block_id,
        event_at,
        byte_offset,
        document_id,
        block_index,
        1 as position
    from results

),

reused as (

    select
        in_order.tool_block_id,
        coalesce(
            {%- for calls in ['of_its_agent', 'of_its_session'] %}
                last_value(in_order.tool_call_key ignore nulls) over (
                    {{ calls }} rows between unbounded preceding and current row
                ),
                first_value(in_order.tool_call_key ignore nulls) over (
                    {{ calls }} rows between current row and unbounded following
                ){{ "," if not loop.last }}
            {%- endfor %}
        ) as tool_call_key
    from in_order
    inner join only_calls
        on in_order.session_key = only_calls.session_key and in_order.tool_use_id = only_calls.tool_use_id
    where only_calls.is_reused
    window
        of_its_agent as (
            partition by in_order.session_key, in_order.agent_id, in_order.tool_use_id
            order by
                in_order.event_at, in_order.position, in_order.byte_offset, in_order.document_id, in_order.block_index
        ),
        of_its_session as (
            partition by in_order.session_key, in_order.tool_use_id
            order by
                in_order.event_at, in_order.position, in_order.byte_offset, in_order.document_id, in_order.block_index
        )

),

paired as (

    select
        results.*,
        coalesce(reused.tool_call_key, only_calls.tool_call_key) as tool_call_key,
        null as request_key,
        null as is_billed,
        'result' as block_kind
    from results
    inner join only_calls
        on results.session_key = only_calls.session_key and results.tool_use_id = only_calls.tool_use_id
    left join reused on results.tool_block_id = reused.tool_block_id
    union all by name
    select
        * exclude (answer_key),
        'use' as block_kind
    from uses

)

select * from paired
