-- What the answers that called a tool cost, by local day, project and tool. An answer's tokens and cost are shared evenly among the
-- calls it makes; '(no tool)' stands for answers that call none, so the sums are those of fct_api_requests.
with requests as (

    select * from {{ ref('fct_api_requests') }}

),

calls as (

    select
        coalesce('message:' || message_id, 'line:' || document_id) as request_key,
        tool_use_id,
        min(tool_name) as tool_name
    from {{ ref('stg_tool_calls') }}
    where block_kind = 'use'
    group by all

),

shares as (

    select
        requests.*,
        coalesce(calls.tool_name, if(calls.tool_use_id is null, '(no tool)', 'unknown')) as tool_name,
        calls.tool_use_id,
        count(*) over (partition by requests.request_key) as sharers
    from requests
    left join calls on requests.request_key = calls.request_key

),

tools as (

    select
        {{ surrogate_key(['date_key', 'project_id', 'tool_name']) }} as tool_usage_key,
        date_key,
        project_id,
        tool_name,
        cast(count(tool_use_id) as bigint) as tool_calls,
        cast(count(distinct request_key) as bigint) as responses,
        cast(sum(cast(output_tokens / sharers as decimal(28, 10))) as double) as output_tokens,
        cast(sum(cast(
            (input_tokens + output_tokens + cache_read_tokens + cache_creation_tokens) / sharers as decimal(28, 10)
        )) as double) as total_tokens,
        {{ money_sum('cost_usd / sharers') }} as cost_usd
    from shares
    group by date_key, project_id, tool_name

)

select * from tools
