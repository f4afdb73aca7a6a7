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

counted as (

    select
        *,
        count(*) over (partition by request_key) as sharers
    from calls

),

shares as (

    select
        requests.request_key,
        requests.date_key,
        requests.project_id,
        coalesce(counted.tool_name, if(counted.tool_use_id is null, '(no tool)', 'unknown')) as tool_name,
        counted.tool_use_id,
        requests.output_tokens / coalesce(counted.sharers, 1) as output_tokens,
        (
            requests.input_tokens + requests.output_tokens + requests.cache_read_tokens + requests.cache_creation_tokens
        ) / coalesce(counted.sharers, 1) as total_tokens,
        requests.cost_usd / coalesce(counted.sharers, 1) as cost_usd
    from requests
    left join counted on requests.request_key = counted.request_key

),

tools as (

    select
        {{ surrogate_key(['date_key', 'project_id', 'tool_name']) }} as tool_usage_key,
        date_key,
        project_id,
        tool_name,
        cast(count(tool_use_id) as bigint) as tool_calls,
        cast(count(distinct request_key) as bigint) as responses,
        {{ exact_sum('output_tokens') }} as output_tokens,
        {{ exact_sum('total_tokens') }} as total_tokens,
        {{ exact_sum('cost_usd') }} as cost_usd
    from shares
    group by date_key, project_id, tool_name

)

select * from tools
