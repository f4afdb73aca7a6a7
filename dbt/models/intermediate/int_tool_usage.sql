-- Tool calls: each tool_use id once, with the result that carries the same id. Order never pairs, and a line inside a progress line
-- counts only where no message line holds the id.
with blocks as (

    select
        tool_block_id,
        tool_use_id,
        block_kind,
        load_id,
        session_id,
        source_file,
        document_id,
        block_index,
        is_progress,
        is_sidechain,
        is_error,
        tool_denial_kind,
        event_at
    from {{ ref('stg_tool_calls') }}

),

starts as (

    select * from {{ ref('int_session_starts') }}

),

categories as (

    select * from {{ ref('tool_categories') }}

),

-- Which block counts is decided on few columns; the wide ones (input, output) join the winners below.
uses as (

    select
        blocks.tool_block_id,
        blocks.tool_use_id,
        count(*) over (partition by blocks.tool_use_id) as use_lines
    from blocks
    left join starts on blocks.session_id = starts.session_id
    where blocks.block_kind = 'use'
    qualify row_number() over (
        partition by blocks.tool_use_id
        order by
            blocks.is_progress, starts.session_started_at, blocks.is_sidechain, blocks.source_file,
            blocks.event_at, blocks.document_id, blocks.block_index
    ) = 1

),

results as (

    select
        tool_block_id,
        tool_use_id,
        bool_or(is_error) over every_copy as any_error,
        max(tool_denial_kind) over every_copy as denial_kind
    from blocks
    where block_kind = 'result'
    window every_copy as (partition by tool_use_id, is_progress)
    qualify row_number() over (
        partition by tool_use_id
        order by is_progress, event_at, is_sidechain, source_file, document_id, block_index
    ) = 1

),

loads as (

    select
        tool_use_id,
        max(load_id) as load_id
    from blocks
    group by tool_use_id

),

paired as (

    select
        uses.tool_use_id as tool_call_key,
        loads.load_id,
        calls.session_id,
        calls.project_id,
        calls.source_file,
        calls.agent_id,
        calls.document_id as message_key,
        calls.message_id,
        coalesce(calls.tool_name, 'unknown') as tool_name,
        calls.tool_input,
        calls.is_progress as is_progress_only,
        calls.is_sidechain or calls.is_progress as is_subagent,
        uses.use_lines,
        calls.event_at as started_at,
        calls.event_date,
        answers.event_at as ended_at,
        {{ milliseconds_between('calls.event_at', 'answers.event_at') }} as duration_ms,
        results.tool_use_id is not null as is_complete,
        coalesce(results.any_error, false) as is_error,
        case
            when results.tool_use_id is null then null
            when results.denial_kind is not null then results.denial_kind
            when not results.any_error then null
            when starts_with(answers.tool_result_text, 'The user doesn''t want to') then 'user-rejected'
            when starts_with(answers.tool_result_text, 'The agent proposed a plan that was rej') then 'user-rejected'
            when starts_with(answers.tool_result_text, 'Claude requested permissions to') then 'permission-rule'
            when regexp_matches(answers.tool_result_text, '^Permission to use .* denied') then 'permission-rule'
        end as denial_kind,
        coalesce(answers.result_interrupted, false)
        or coalesce(starts_with(answers.tool_result_text, '[Request interrupted'), false) as is_interrupted,
        answers.tool_result_text as result_text,
        answers.tool_result_length as result_length,
        answers.result_type,
        answers.result_file_path,
        answers.result_lines_added as lines_added,
        answers.result_lines_removed as lines_removed,
        answers.result_agent_id,
        answers.result_agent_type,
        answers.result_background_task_id as background_task_id,
        answers.result_git_operation as git_operation,
        answers.result_duration_ms as reported_duration_ms,
        answers.result_total_tokens as reported_total_tokens,
        answers.result_tool_use_count as reported_tool_use_count,
        answers.result_status
    from uses
    inner join loads on uses.tool_use_id = loads.tool_use_id
    inner join {{ ref('stg_tool_calls') }} as calls
        on uses.tool_use_id = calls.tool_use_id and uses.tool_block_id = calls.tool_block_id
    left join results on uses.tool_use_id = results.tool_use_id
    left join {{ ref('stg_tool_calls') }} as answers
        on results.tool_use_id = answers.tool_use_id and results.tool_block_id = answers.tool_block_id

),

categorised as (

    select
        paired.* exclude (tool_input, result_file_path),
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
        ) as file_path,
        case
            when paired.tool_name in ('Skill', 'SlashCommand')
                then ltrim(split_part(coalesce(
                    paired.tool_input ->> '$.skill', paired.tool_input ->> '$.command', paired.tool_input ->> '$.name'
                ), ' ', 1), '/')
        end as skill_name,
        case when paired.tool_name in ('Task', 'Agent') then paired.tool_input ->> '$.subagent_type' end
            as requested_agent_type,
        paired.tool_input ->> '$.description' as description,
        case when paired.tool_name = 'Bash' then paired.tool_input ->> '$.command' end as command_text
    from paired
    left join categories on paired.tool_name = categories.tool_name

)

select * from categorised
