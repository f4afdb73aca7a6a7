{{ config(materialized='incremental', incremental_strategy='by_day') }}

with activity as (

    select
        date_key,
        hour_of_day,
        project_id,
        session_id,
        1 as messages,
        cast(is_human_prompt as integer) as prompts,
        0 as tool_calls
    from {{ of_touched_days(ref('fct_messages')) }}
    where date_key is not null and not is_copy
    union all
    select
        date_key,
        hour_of_day,
        project_id,
        session_id,
        0 as messages,
        0 as prompts,
        1 as tool_calls
    from {{ of_touched_days(ref('fct_tool_calls')) }}
    where date_key is not null

),

final as (

    select
        {{ surrogate_key(['date_key', 'hour_of_day', 'project_id']) }} as hourly_activity_key,
        date_key,
        hour_of_day,
        project_id,
        count(distinct session_id) as session_count,
        cast(sum(messages) as bigint) as message_count,
        cast(sum(prompts) as bigint) as prompt_count,
        cast(sum(tool_calls) as bigint) as tool_call_count
    from activity
    group by date_key, hour_of_day, project_id

)

select * from final
