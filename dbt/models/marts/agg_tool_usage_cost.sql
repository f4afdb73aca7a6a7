-- What the answers that called a tool cost, by local day, project and tool. An answer's tokens and cost are shared evenly among the
-- calls it makes; '(no tool)' stands for answers that call none, so the sums are those of fct_api_requests.
{{ config(materialized='incremental', incremental_strategy='by_day') }}

with requests as (

    select * from {{ of_touched_days(ref('fct_api_requests')) }}

),

calls as (

    select
        request_key,
        tool_call_key,
        tool_name
    from {{ ref('fct_tool_calls') }}
    where request_key in (select requests.request_key from requests)

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
        coalesce(counted.tool_name, '(no tool)') as tool_name,
        counted.tool_call_key,
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
        cast(count(tool_call_key) as bigint) as tool_call_count,
        cast(count(distinct request_key) as bigint) as response_count,
        {{ exact_sum('output_tokens') }} as output_tokens,
        {{ exact_sum('total_tokens') }} as total_tokens,
        {{ exact_sum('cost_usd') }} as cost_usd
    from shares
    group by date_key, project_id, tool_name

)

select * from tools
