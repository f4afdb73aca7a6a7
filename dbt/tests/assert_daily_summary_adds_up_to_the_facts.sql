-- Every message, tool call and changed line with a date is in the summary of its day, once.
{{ config(meta={'reads': 'day'}) }}

with expected as (

    select
        (select count(*) from {{ ref('fct_messages') }} where date_key is not null and not is_copy) as messages,
        (select count(*) from {{ ref('fct_messages') }} where date_key is not null and is_human_prompt) as prompts,
        (select count(*) from {{ ref('fct_tool_calls') }} where date_key is not null) as tool_calls,
        (select coalesce(sum(lines_added), 0) from {{ ref('fct_file_operations') }} where date_key > 0) as lines_added

),

found as (

    select
        coalesce(sum(message_count), 0) as messages,
        coalesce(sum(prompt_count), 0) as prompts,
        coalesce(sum(tool_call_count), 0) as tool_calls,
        coalesce(sum(lines_added), 0) as lines_added
    from {{ ref('agg_daily_summary') }}

)

select
    expected.messages,
    found.messages as found_messages,
    expected.prompts,
    found.prompts as found_prompts,
    expected.tool_calls,
    found.tool_calls as found_tool_calls,
    expected.lines_added,
    found.lines_added as found_lines_added
from expected
cross join found
where
    (expected.messages, expected.prompts, expected.tool_calls, expected.lines_added)
    is distinct from (found.messages, found.prompts, found.tool_calls, found.lines_added)
