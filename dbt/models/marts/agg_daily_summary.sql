{{ config(materialized='incremental', incremental_strategy='by_day') }}

with messages as (

    select
        date_key,
        count(distinct session_id) as session_count,
        count(distinct project_id) as project_count,
        count(*) as message_count,
        count(*) filter (where is_human_prompt) as prompt_count,
        count(*) filter (where turn_type = 'slash_command') as slash_command_count
    from {{ of_touched_days(ref('fct_messages')) }}
    where date_key is not null and not is_copy
    group by date_key

),

calls as (

    select
        date_key,
        count(*) as tool_call_count,
        count(*) filter (where outcome = 'success') as success_count,
        count(*) filter (where outcome = 'error') as error_count,
        count(*) filter (where outcome = 'denied') as denied_count,
        count(*) filter (where outcome = 'interrupted') as interrupted_count,
        count(*) filter (where outcome = 'incomplete') as incomplete_count,
        count(*) filter (where {{ is_silent_commit() }}) as silent_commits,
        count(*) filter (where {{ is_silent_pull_request() }}) as silent_pull_requests
    from {{ of_touched_days(ref('fct_tool_calls')) }}
    where date_key is not null
    group by date_key

),

files as (

    select
        date_key,
        count(distinct file_path) filter (where is_change) as changed_file_count,
        coalesce(sum(lines_added), 0) as lines_added,
        coalesce(sum(lines_removed), 0) as lines_removed
    from {{ of_touched_days(ref('fct_file_operations')) }}
    where date_key is not null
    group by date_key

),

agents as (

    select
        date_key,
        count(*) as agent_count
    from {{ of_touched_days(ref('dim_agents')) }}
    where date_key is not null
    group by date_key

),

commits as (

    select
        date_key,
        count(*) filter (where git_event = 'commit') as commit_count,
        count(distinct pull_request_url) as pull_request_count
    from {{ of_touched_days(ref('fct_commits')) }}
    where date_key is not null
    group by date_key

),

events as (

    select
        date_key,
        count(*) filter (where event_kind = 'api_retry') as api_retry_count,
        count(*) filter (where event_kind = 'api_error') as api_error_count,
        count(*) filter (where event_kind = 'compaction') as compaction_count,
        count(*) filter (where event_kind = 'interruption') as interruption_count
    from {{ of_touched_days(ref('fct_session_events')) }}
    where date_key is not null
    group by date_key

),

days as (

    select date_key from messages
    union
    select date_key from calls
    union
    select date_key from files
    union
    select date_key from agents
    union
    select date_key from commits
    union
    select date_key from events

),

final as (

    select
        days.date_key,
        {{ zero_filled('messages', [
            'session_count', 'project_count', 'message_count', 'prompt_count', 'slash_command_count'
        ]) }},
        {{ zero_filled('calls', [
            'tool_call_count', 'success_count', 'error_count', 'denied_count', 'interrupted_count',
            'incomplete_count'
        ]) }},
        {{ zero_filled('files', ['changed_file_count', 'lines_added', 'lines_removed']) }},
        {{ zero_filled('agents', ['agent_count']) }},
        {{ recorded_count('commits.commit_count', 'calls.silent_commits') }} as commit_count,
        {{ recorded_count('commits.pull_request_count', 'calls.silent_pull_requests') }} as pull_request_count,
        {{ zero_filled('events', [
            'api_retry_count', 'api_error_count', 'compaction_count', 'interruption_count'
        ]) }}
    from days
    left join messages on days.date_key = messages.date_key
    left join calls on days.date_key = calls.date_key
    left join files on days.date_key = files.date_key
    left join agents on days.date_key = agents.date_key
    left join commits on days.date_key = commits.date_key
    left join events on days.date_key = events.date_key

)

select * from final
