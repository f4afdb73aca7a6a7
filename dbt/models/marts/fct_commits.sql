-- Git as Claude Code reports it: commits, pushes and pull requests in the results of tool calls, and pull requests linked to sessions.
with calls as (

    select * from {{ ref('fct_tool_calls') }}
    where git_operation is not null

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
        tool_call_key || ':' || operation.key as commit_key,
        case operation.key when 'pr' then 'pull_request' else operation.key end as git_event,
        session_id,
        project_id,
        tool_call_key,
        coalesce(ended_at, started_at) as occurred_at,
        coalesce(operation.value ->> '$.kind', operation.value ->> '$.action') as git_action,
        operation.value ->> '$.sha' as commit_sha,
        operation.value ->> '$.branch' as branch,
        try_cast(operation.value ->> '$.number' as integer) as pull_request_number,
        operation.value ->> '$.url' as pull_request_url,
        nullif(regexp_extract(operation.value ->> '$.url', '^https?://[^/]+/([^/]+/[^/]+)/', 1), '') as repository
    from calls, json_each(git_operation) as operation
    where json_type(operation.value) = 'OBJECT'

),

linked as (

    select
        {{ surrogate_key(["links.session_id", "links.attributes ->> '$.prUrl'"]) }} as commit_key,
        'pull_request' as git_event,
        links.session_id,
        min(sessions.project_id) as project_id,
        null as tool_call_key,
        min(links.event_at) as occurred_at,
        'linked' as git_action,
        null as commit_sha,
        null as branch,
        min(try_cast(links.attributes ->> '$.prNumber' as integer)) as pull_request_number,
        links.attributes ->> '$.prUrl' as pull_request_url,
        min(links.attributes ->> '$.prRepository') as repository
    from links
    inner join sessions on links.session_id = sessions.session_id
    where links.attributes ->> '$.prUrl' is not null
    group by links.session_id, links.attributes ->> '$.prUrl'

),

final as (

    select
        *,
        {{ local_date_key('occurred_at') }} as date_key
    from (
        select * from reported
        union all
        select * from linked
    )

)

select * from final
