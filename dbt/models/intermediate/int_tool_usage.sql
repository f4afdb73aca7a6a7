-- Tool calls: each once, with the result that answers it. A line inside a progress line counts only where no message line holds the
-- call.
with pairs as (

    select * from {{ ref('int_tool_pairs') }}

),

categories as (

    select * from {{ ref('tool_categories') }}

),

-- Which block counts is decided on few columns; the wide ones (input, output) join the winners below.
uses as (

    select
        tool_call_key,
        tool_block_id,
        tool_use_id,
        if(is_billed, request_key, null) as request_key,
        count(*) over (partition by tool_call_key) as use_lines
    from pairs
    where block_kind = 'use'
    qualify row_number() over (
        partition by tool_call_key
        order by is_copy, is_progress, is_sidechain, event_at, byte_offset, document_id, block_index
    ) = 1

),

results as (

    select
        pairs.tool_call_key,
        pairs.tool_block_id,
        pairs.tool_use_id,
        bool_or(blocks.is_error) over every_copy as any_error,
        max(blocks.tool_denial_kind) over every_copy as denial_kind
    from pairs
    inner join {{ ref('stg_tool_calls') }} as blocks on pairs.tool_block_id = blocks.tool_block_id
    where pairs.block_kind = 'result'
    window every_copy as (partition by pairs.tool_call_key, pairs.is_progress)
    qualify row_number() over (
        partition by pairs.tool_call_key
        order by
            pairs.is_copy, pairs.is_progress, pairs.event_at, pairs.is_sidechain, pairs.byte_offset,
            pairs.document_id, pairs.block_index
    ) = 1

),

loads as (

    select
        tool_call_key,
        max(load_id) as load_id
    from pairs
    group by tool_call_key

),

paired as (

    select
        uses.tool_call_key,
        uses.tool_use_id,
        uses.request_key,
        loads.load_id,
        calls.session_id,
        {{ session_key('calls.') }} as session_key,
        projects.project_id,
        calls.source_file,
        calls.agent_id,
        calls.document_id as message_key,
        calls.message_id,
        coalesce(calls.tool_name, 'unknown') as tool_name,
        calls.tool_input,
        calls.tool_input_lines,
        calls.is_progress as is_progress_only,
        calls.is_sidechain or calls.is_progress as is_subagent,
        uses.use_lines,
        calls.event_at as started_at,
        calls.event_date,
        answers.event_at as ended_at,
        {{ milliseconds_between('calls.event_at', 'answers.event_at') }} as duration_ms,
        results.tool_call_key is not null as is_complete,
        {{ is_interruption('answers.tool_result_text', 'answers.result_interrupted') }} as is_interrupted,
        coalesce(results.any_error, false) as is_error,
        case
            when results.tool_call_key is null then null
            when results.denial_kind is not null then results.denial_kind
            when results.any_error then {{ denial_kind('answers.tool_result_text', 'calls.tool_name') }}
        end as denial_kind,
        answers.tool_result_text as result_text,
        answers.tool_result_length as result_length,
        answers.result_type,
        answers.result_file_path,
        answers.result_lines_added,
        answers.result_lines_removed,
        answers.result_agent_id,
        answers.result_agent_type,
        answers.result_background_task_id as background_task_id,
        answers.result_git_operation as git_operation,
        answers.result_duration_ms as reported_duration_ms,
        answers.result_total_tokens as reported_total_tokens,
        answers.result_tool_use_count as reported_tool_use_count,
        answers.result_status,
        answers.result_search_count as web_search_count
    from uses
    inner join loads on uses.tool_call_key = loads.tool_call_key
    inner join {{ ref('stg_tool_calls') }} as calls
        on uses.tool_use_id = calls.tool_use_id and uses.tool_block_id = calls.tool_block_id
    left join {{ ref('int_session_projects') }} as projects on {{ session_key('calls.') }} = projects.session_key
    left join results on uses.tool_call_key = results.tool_call_key
    left join {{ ref('stg_tool_calls') }} as answers
        on results.tool_use_id = answers.tool_use_id and results.tool_block_id = answers.tool_block_id

),

categorised as (

    select
        paired.* exclude (tool_input, tool_input_lines, result_file_path, result_lines_added, result_lines_removed),
        coalesce(paired.result_lines_added, {{ notebook_lines_added('paired') }}) as lines_added,
        coalesce(paired.result_lines_removed, {{ notebook_lines_removed('paired') }}) as lines_removed,
        case
            when categories.tool_category is not null then categories.tool_category
            when starts_with(paired.tool_name, 'mcp__') then 'mcp'
            else 'other'
        end as tool_category,
        categories.file_operation,
        nullif(regexp_extract(paired.tool_name, '^mcp__(.+?)__', 1), '') as mcp_server,
        paired.denial_kind is not null as is_denied,
        case
            when not paired.is_complete then 'incomplete'
            when paired.denial_kind is not null then 'denied'
            when paired.is_interrupted then 'interrupted'
            when paired.is_error then 'error'
            else 'success'
        end as outcome,
        coalesce(
            paired.result_file_path,
            paired.tool_input ->> '$.file_path',
            paired.tool_input ->> '$.notebook_path',
            case
                when categories.file_operation is not null or categories.tool_name is null
                    then paired.tool_input ->> '$.path'
            end
        ) as named_path,
        case
            when paired.tool_name in ('Skill', 'SlashCommand')
                then ltrim(split_part(coalesce(
                    paired.tool_input ->> '$.skill', paired.tool_input ->> '$.command', paired.tool_input ->> '$.name'
                ), ' ', 1), '/')
        end as skill_name,
        case when paired.tool_name in ('Task', 'Agent') then paired.tool_input ->> '$.subagent_type' end
            as requested_agent_type,
        paired.tool_input ->> '$.description' as description,
        case when paired.tool_name in ('Task', 'Agent') then left(paired.tool_input ->> '$.prompt', 500) end
            as agent_prompt,
        {{ git_output('paired') }} as git_output,
        case when paired.tool_name in ('Bash', 'PowerShell') then paired.tool_input ->> '$.command' end
            as command_text
    from paired
    left join categories on paired.tool_name = categories.tool_name

)

select
    * exclude (named_path),
    {{ folded_path('named_path') }} as file_path
from categorised
