-- Results of tools whose call is in no line, by session and id. Asked of the ids alone: int_tool_pairs would rank every call for it.
{{ config(materialized='incremental', incremental_strategy='by_session') }}

select
    {{ session_key('blocks.') }} as session_key,
    blocks.tool_use_id
from {{ ref('stg_tool_calls') }} as blocks
group by all
having
    bool_or(blocks.block_kind = 'result')
    and (blocks.tool_use_id is null or not bool_or(blocks.block_kind = 'use'))
