-- Git as Claude Code reports it: commits, pushes and pull requests in the results of tool calls, and pull requests linked to sessions.
-- Versions that report none tell of commits and pull requests only in the output of git itself.
{{ config(materialized='incremental', incremental_strategy='by_session') }}

with calls as (

    select * from {{ ref('fct_tool_calls') }}

),

links as (

    select * from {{ ref('stg_conversations') }}
    where line_type = 'pr-link'

),

sessions as (

    select * from {{ ref('int_sessions_computed') }}

),

reported as (

    select
        calls.tool_call_key || ':' || operation.key as commit_key,
        case operation.key when 'pr' then 'pull_request' else operation.key end as git_event,
        calls.session_id,
        calls.session_key,
        calls.project_id,
        calls.tool_call_key,
        calls.agent_key,
        coalesce(calls.ended_at, calls.started_at) as occurred_at,
        coalesce(operation.value ->> '$.kind', operation.value ->> '$.action') as git_action,
        operation.value ->> '$.sha' as commit_sha,
        operation.value ->> '$.branch' as branch,
        try_cast(operation.value ->> '$.number' as integer) as pull_request_number,
        operation.value ->> '$.url' as pull_request_url
    from calls, json_each(calls.git_operation) as operation
    where json_type(operation.value) = 'OBJECT'

),

printed_lines as (

    select
        *,
        unnest(string_split(git_output, chr(10))) as line,
        generate_subscripts(string_split(git_output, chr(10)), 1) as line_number
    from calls
    where git_output != ''

),

printed as (

    select
        tool_call_key || ':' || line_number as commit_key,
        if(starts_with(line, '['), 'commit', 'pull_request') as git_event,
        session_id,
        session_key,
        project_id,
        tool_call_key,
        agent_key,
        coalesce(ended_at, started_at) as occurred_at,
        case
            when not starts_with(line, '[') then 'created'
            else commit_action
        end as git_action,
        nullif(regexp_extract(line, {{ commit_pattern() }}, 2), '') as commit_sha,
        nullif(regexp_extract(line, {{ commit_pattern() }}, 1), '') as branch,
        try_cast(nullif(regexp_extract(line, {{ pull_request_pattern() }}, 2), '') as integer) as pull_request_number,
        nullif(regexp_extract(line, {{ pull_request_pattern() }}), '') as pull_request_url
    from printed_lines

),

linked as (

    select
        {{ surrogate_key(["links.session_id", "links.attributes ->> '$.prUrl'"]) }} as commit_key,
        'pull_request' as git_event,
        links.session_id,
        links.session_id as session_key,
        min(sessions.project_id) as project_id,
        null as tool_call_key,
        null as agent_key,
        min(links.event_at) as occurred_at,
        'linked' as git_action,
        null as commit_sha,
        null as branch,
        min(try_cast(links.attributes ->> '$.prNumber' as integer)) as pull_request_number,
        nullif(links.attributes ->> '$.prUrl', '') as pull_request_url
    from links
    inner join sessions on links.session_id = sessions.session_id
    where nullif(links.attributes ->> '$.prUrl', '') is not null
    group by links.session_id, links.attributes ->> '$.prUrl'

),

events as (

    select * from reported
    union all
    select * from printed
    union all
    select * from linked

),

final as (

    select
        *,
        nullif(regexp_extract(pull_request_url, {{ pull_request_pattern() }}, 1), '') as repository,
        {{ local_date_key('occurred_at') }} as date_key
    from events

)

select * from final
