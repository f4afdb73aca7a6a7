-- Which block asks for each call and which one answers it, of all copies that forks and progress lines hold. Decided on keys alone, and
-- kept in a table: together with the wide columns (input, output) a long history would not fit in memory.
{{ config(
    materialized='incremental',
    incremental_strategy='by_session',
    meta={'belongs': "list_has_any(session_keys, (select list(session_key) from touched.sessions))"}
) }}

with ranked as (

    select
        *,
        row_number() over (
            partition by tool_call_key, block_kind
            order by
                is_copy, is_progress, is_sidechain and block_kind = 'use', event_at, is_sidechain, byte_offset,
                document_id, block_index
        ) as position,
        count(*) over (partition by tool_call_key, block_kind) as copy_count,
        bool_or(is_error) over every_copy as any_error,
        max(tool_denial_kind) over every_copy as denial_kind
    from {{ ref('int_tool_pairs') }}
    window every_copy as (partition by tool_call_key, block_kind, is_progress)

),

calls as (

    select
        tool_call_key,
        max(load_id) as load_id,
        list_sort(array_agg(distinct session_key)) as session_keys
    from ranked
    group by tool_call_key

)

select
    calls.tool_call_key,
    calls.load_id,
    calls.session_keys,
    uses.tool_block_id,
    if(uses.is_billed, uses.request_key, null) as request_key,
    uses.copy_count as use_lines,
    answers.tool_block_id as answer_block_id,
    answers.any_error,
    answers.denial_kind
from calls
inner join ranked as uses
    on calls.tool_call_key = uses.tool_call_key and uses.block_kind = 'use' and uses.position = 1
left join ranked as answers
    on calls.tool_call_key = answers.tool_call_key and answers.block_kind = 'result' and answers.position = 1
