-- Hours and days are cut in the same timezone, so the hours of a day hold what the day holds.
{{ config(meta={'reads': 'day'}) }}

with hours as (

    select
        date_key,
        sum(message_count) as messages,
        sum(prompt_count) as prompts,
        sum(tool_call_count) as tool_calls
    from {{ ref('agg_hourly_activity') }}
    group by date_key

)

select
    days.date_key,
    days.message_count,
    hours.messages as messages_of_hours,
    days.tool_call_count,
    hours.tool_calls as tool_calls_of_hours
from {{ ref('agg_daily_summary') }} as days
left join hours on days.date_key = hours.date_key
where
    days.message_count != coalesce(hours.messages, 0)
    or days.prompt_count != coalesce(hours.prompts, 0)
    or days.tool_call_count != coalesce(hours.tool_calls, 0)
