-- Sessions with their times and their share of work, over lines of every kind: a session that holds no message is one as well.
{%- set idle_ms = var('idle_minutes') * 60000 %}

with lines as (

    select * from {{ ref('stg_conversations') }}
    where session_id is not null and block_index = 0

),

ordered as (

    select
        *,
        lag(event_at) over (partition by session_id order by event_at, document_id) as previous_event_at
    from lines

),

gaps as (

    select
        *,
        {{ milliseconds_between('previous_event_at', 'event_at') }} as gap_ms
    from ordered

),

by_folder as (

    select
        session_id,
        project_id,
        count(*) as project_lines
    from lines
    where project_id is not null
    group by session_id, project_id

),

projects as (

    select
        session_id,
        arg_min(project_id, (-project_lines, project_id)) as project_id
    from by_folder
    group by session_id

),

sessions as (

    select
        session_id,
        min(event_at) as started_at,
        max(event_at) as ended_at,
        cast(coalesce(sum(gap_ms) filter (where gap_ms <= {{ idle_ms }}), 0) as bigint) as active_duration_ms,
        count(*) as line_count,
        count(*) filter (where message_type is not null) as message_line_count,
        count(distinct agent_id) as agent_count,
        count(distinct source_file) as file_count,
        arg_min(host, (event_at, document_id)) filter (where event_at is not null) as host,
        arg_min(cwd, (event_at, document_id)) filter (where event_at is not null and cwd is not null) as first_cwd,
        arg_max(git_branch, (event_at, document_id)) filter (where event_at is not null and git_branch is not null)
            as last_git_branch,
        arg_min(version, (event_at, document_id)) filter (where event_at is not null and version is not null)
            as first_version,
        arg_max(version, (event_at, document_id)) filter (where event_at is not null and version is not null)
            as last_version,
        arg_min(entrypoint, (event_at, document_id)) filter (where event_at is not null and entrypoint is not null)
            as entrypoint,
        min(host) as any_host
    from gaps
    group by session_id

),

computed as (

    select
        sessions.* exclude (any_host) replace (coalesce(sessions.host, sessions.any_host) as host),
        projects.project_id,
        {{ milliseconds_between('sessions.started_at', 'sessions.ended_at') }} as duration_ms,
        case
            when sessions.message_line_count = 0 then 'none'
            when sessions.message_line_count < 20 then 'low'
            when sessions.message_line_count < 200 then 'medium'
            else 'high'
        end as activity_level
    from sessions
    left join projects on sessions.session_id = projects.session_id

)

select * from computed
