{{ config(materialized='incremental', incremental_strategy='by_session') }}

with sessions as (

    select * from {{ ref('dim_sessions') }}

),

messages as (

    select
        session_id,
        count(*) filter (where not is_copy) as message_count,
        count(*) filter (where is_copy) as copied_message_count,
        count(*) filter (where is_subagent and not is_copy) as subagent_message_count,
        count(*) filter (where is_human_prompt) as prompt_count,
        count(*) filter (where turn_type = 'slash_command' and not is_copy) as slash_command_count
    from {{ ref('fct_messages') }}
    group by session_id

),

calls as (

    select
        session_id,
        count(*) as tool_call_count,
        count(*) filter (where outcome = 'success') as success_count,
        count(*) filter (where outcome = 'error') as error_count,
        count(*) filter (where outcome = 'denied') as denied_count,
        count(*) filter (where outcome = 'interrupted') as interrupted_count,
        count(*) filter (where outcome = 'incomplete') as incomplete_count,
        count(distinct tool_name) as distinct_tool_count,
        count(*) filter (where {{ is_silent_commit() }}) as silent_commits,
        count(*) filter (where {{ is_silent_pull_request() }}) as silent_pull_requests
    from {{ ref('fct_tool_calls') }}
    group by session_id

),

files as (

    select
        session_id,
        count(distinct file_path) filter (where operation = 'read' and outcome = 'success') as read_file_count,
        count(distinct file_path) filter (where is_change) as changed_file_count,
        coalesce(sum(lines_added), 0) as lines_added,
        coalesce(sum(lines_removed), 0) as lines_removed
    from {{ ref('fct_file_operations') }}
    group by session_id

),

agents as (

    select
        session_id,
        count(*) as agent_count
    from {{ ref('dim_agents') }}
    group by session_id

),

commits as (

    select
        session_id,
        count(*) filter (where git_event = 'commit') as commit_count,
        count(distinct pull_request_url) as pull_request_count
    from {{ ref('fct_commits') }}
    group by session_id

),

events as (

    select
        session_id,
        count(*) filter (where event_kind = 'turn') as turn_count,
        coalesce(sum(duration_ms) filter (where event_kind = 'turn'), 0) as turn_duration_ms,
        count(*) filter (where event_kind = 'api_retry') as api_retry_count,
        count(*) filter (where event_kind = 'api_error') as api_error_count,
        count(*) filter (where event_kind = 'compaction') as compaction_count,
        count(*) filter (where event_kind = 'interruption') as interruption_count
    from {{ ref('fct_session_events') }}
    group by session_id

),

final as (

    select
        sessions.session_id,
        sessions.project_id,
        sessions.start_date_key as date_key,
        sessions.duration_ms,
        sessions.active_duration_ms,
        {{ zero_filled('messages', [
            'message_count', 'copied_message_count', 'subagent_message_count', 'prompt_count',
            'slash_command_count'
        ]) }},
        {{ zero_filled('calls', [
            'tool_call_count', 'success_count', 'error_count', 'denied_count', 'interrupted_count',
            'incomplete_count', 'distinct_tool_count'
        ]) }},
        {{ zero_filled('files', ['read_file_count', 'changed_file_count', 'lines_added', 'lines_removed']) }},
        {{ zero_filled('agents', ['agent_count']) }},
        {{ recorded_count('commits.commit_count', 'calls.silent_commits') }} as commit_count,
        {{ recorded_count('commits.pull_request_count', 'calls.silent_pull_requests') }} as pull_request_count,
        {{ zero_filled('events', [
            'turn_count', 'turn_duration_ms', 'api_retry_count', 'api_error_count', 'compaction_count',
            'interruption_count'
        ]) }},
        calls.success_count / nullif(calls.tool_call_count - calls.denied_count, 0) as success_rate
    from sessions
    left join messages on sessions.session_id = messages.session_id
    left join calls on sessions.session_id = calls.session_id
    left join files on sessions.session_id = files.session_id
    left join agents on sessions.session_id = agents.session_id
    left join commits on sessions.session_id = commits.session_id
    left join events on sessions.session_id = events.session_id

)

select * from final
