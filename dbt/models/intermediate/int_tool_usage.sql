-- Tool calls: each once, with the result that answers it. A line inside a progress line counts only where no message line holds the
-- call.
{#- What is long is cut, but for what it says of its end. -#}
{%- set result_notes = "concat_ws(chr(10), answers.tool_result_text, answers.tool_result_rest)" %}

with blocks as (

    select * from {{ ref('int_tool_call_blocks') }}

),

categories as (

    select * from {{ ref('tool_categories') }}

),

-- Of the input only what is shown: whole inputs, in a join, are what memory is short of.
calls as (

    select
        tool_block_id,
        tool_use_id,
        {{ session_key() }} as session_key,
        session_id,
        source_file,
        agent_id,
        document_id,
        message_id,
        coalesce(tool_name, 'unknown') as tool_name,
        is_progress,
        is_sidechain,
        event_at,
        event_date,
        coalesce(tool_input ->> '$.file_path', tool_input ->> '$.notebook_path') as input_file,
        tool_input ->> '$.path' as input_path,
        tool_input ->> '$.description' as description,
        {{ shell_command() }} as command_text,
        {{ kept_or('commit_action', commit_action(shell_command())) }} as commit_action,
        {{ kept_or('opens_pull_request', opens_pull_request(shell_command()), 'boolean') }} as opens_pull_request,
        {{ kept_or('command_digest', command_digest()) }} as command_digest,
        {{ kept_or('description_digest', description_digest()) }} as description_digest,
        case
            when tool_name in ('Skill', 'SlashCommand')
                then ltrim(split_part(
                    coalesce(tool_input ->> '$.skill', tool_input ->> '$.command', tool_input ->> '$.name'), ' ', 1
                ), '/')
        end as skill_name,
        case when tool_name in ('Task', 'Agent') then tool_input ->> '$.subagent_type' end as requested_agent_type,
        {{ agent_task() }} as agent_prompt,
        {{ kept_or('opening_digest', opening_digest(agent_task())) }} as agent_prompt_digest,
        if(tool_name = 'NotebookEdit', tool_input_lines, null) as cell_lines,
        if(tool_name = 'NotebookEdit', tool_input ->> '$.edit_mode', null) as edit_mode
    from {{ ref('stg_tool_calls') }}
    where block_kind = 'use'

),

paired as (

    select
        blocks.tool_call_key,
        calls.tool_use_id,
        blocks.request_key,
        blocks.load_id,
        calls.session_id,
        calls.session_key,
        projects.project_id,
        calls.source_file,
        calls.agent_id,
        calls.document_id as message_key,
        calls.message_id,
        calls.tool_name,
        calls.skill_name,
        calls.requested_agent_type,
        calls.description,
        calls.agent_prompt,
        calls.agent_prompt_digest,
        calls.command_text,
        calls.commit_action,
        calls.opens_pull_request,
        calls.command_digest,
        calls.description_digest,
        calls.input_file,
        calls.input_path,
        calls.cell_lines,
        calls.edit_mode,
        calls.is_progress as is_progress_only,
        calls.is_sidechain or calls.is_progress as is_subagent,
        blocks.use_lines,
        calls.event_at as started_at,
        calls.event_date,
        answers.event_at as ended_at,
        {{ milliseconds_between('calls.event_at', 'answers.event_at') }} as duration_ms,
        blocks.answer_block_id is not null as is_complete,
        {{ is_interruption(result_notes, 'answers.result_interrupted') }} as is_interrupted,
        coalesce(blocks.any_error, false) as is_error,
        case
            when blocks.answer_block_id is null then null
            when blocks.denial_kind is not null then blocks.denial_kind
            when blocks.any_error and starts_with(calls.tool_name, 'mcp__')
                then {{ kept_or('stated_denial', stated_denial('answers.tool_result_text'), of='answers.') }}
            when blocks.any_error
                then {{ kept_or('denial', denial_kind('answers.tool_result_text'), of='answers.') }}
        end as denial_kind,
        answers.tool_result_text as result_text,
        {{ kept_or('error_digest', error_digest('answers.tool_result_text'), of='answers.') }} as error_digest,
        {{ kept_or('is_refused_input', is_refused_input('answers.tool_result_text'), 'boolean', 'answers.') }}
            as is_refused_input,
        {{ result_notes }} as result_notes,
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
        if(calls.tool_name = 'WebSearch', answers.result_search_count, null) as web_search_count
    from blocks
    inner join calls on blocks.tool_block_id = calls.tool_block_id
    left join {{ ref('int_session_projects') }} as projects on calls.session_key = projects.session_key
    left join {{ ref('stg_tool_calls') }} as answers on blocks.answer_block_id = answers.tool_block_id

),

categorised as (

    select
        paired.* exclude (
            input_file, input_path, cell_lines, edit_mode, result_file_path, result_lines_added, result_lines_removed,
            result_notes
        ),
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
            paired.input_file,
            if(categories.file_operation is not null or categories.tool_name is null, paired.input_path, null)
        ) as named_path,
        {{ git_output('paired') }} as git_output
    from paired
    left join categories on paired.tool_name = categories.tool_name

)

select
    * exclude (named_path),
    {{ folded_path('named_path') }} as file_path
from categorised
