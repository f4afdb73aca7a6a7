-- Sessions with their times and their share of work, over lines of every kind: a session that holds no message is one as well. What
-- it copied from another is not its own; where all of it is copied, its times are those of the copies.
with lines as (

    select
        lines.*,
        coalesce(copies.owner_session_key != copies.session_key, false) as is_copied
    from {{ ref('stg_conversations') }} as lines
    left join {{ ref('int_line_copies') }} as copies on lines.document_id = copies.document_id
    where lines.session_id is not null and lines.block_index = 0

),

ordered as (

    select
        *,
        lag(event_at) over (partition by session_id, is_copied order by event_at, document_id) as previous_event_at
    from lines

),

gaps as (

    select
        *,
        if(event_at is null, null, (event_at, document_id)) as time_order,
        {{ milliseconds_between('previous_event_at', 'event_at') }} as gap_ms
    from ordered

),

sessions as (

    select
        session_id,
        coalesce(min(event_at) filter (where not is_copied), min(event_at)) as started_at,
        coalesce(max(event_at) filter (where not is_copied), max(event_at)) as ended_at,
        cast(coalesce(sum(gap_ms) filter (
            where gap_ms <= {{ var('idle_minutes') * 60000 }} and not is_copied
        ), 0) as bigint) as active_duration_ms,
        count(*) as line_count,
        count(*) filter (where message_type is not null) as message_line_count,
        count(*) filter (where is_copied) as copied_line_count,
        count(distinct agent_id) as agent_count,
        count(distinct source_file) as file_count,
        coalesce(arg_min(host, time_order), min(host)) as host,
        arg_min(cwd, time_order) as first_cwd,
        arg_max(git_branch, time_order) as last_git_branch,
        arg_min(version, time_order) as first_version,
        arg_max(version, time_order) as last_version,
        arg_min(entrypoint, time_order) as entrypoint
    from gaps
    group by session_id

),

computed as (

    select
        sessions.*,
        projects.project_id,
        projects.project_folder,
        projects.is_worktree,
        projects.worktree_name,
        {{ milliseconds_between('sessions.started_at', 'sessions.ended_at') }} as duration_ms,
        case
            when sessions.message_line_count = 0 then 'none'
            when sessions.message_line_count < 20 then 'low'
            when sessions.message_line_count < 200 then 'medium'
            else 'high'
        end as activity_level
    from sessions
    left join {{ ref('int_session_projects') }} as projects on sessions.session_id = projects.session_key

)

select * from computed
