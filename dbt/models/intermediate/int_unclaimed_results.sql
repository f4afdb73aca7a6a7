-- Results of tools whose call is in no line, by session and id.
{{ config(materialized='incremental', incremental_strategy='by_session') }}

select distinct
    {{ session_key('results.') }} as session_key,
    results.tool_use_id
from {{ ref('stg_tool_calls') }} as results
left join {{ ref('int_tool_pairs') }} as pairs on results.tool_block_id = pairs.tool_block_id
where results.block_kind = 'result' and pairs.tool_block_id is null
