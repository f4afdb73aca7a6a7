-- A project is the directory that work was done in, worktrees among it. Two projects never share a name, or they would be one bar in a
-- chart.
with sessions as (

    select * from {{ ref('int_session_projects') }}
    where session_id is not null or has_messages

),

lines as (

    select
        session_key,
        min(first_event_at) as first_seen_at,
        max(last_event_at) as last_seen_at
    from {{ ref('int_line_counts') }}
    group by session_key

),

hosts as (

    select distinct
        session_key,
        host
    from {{ ref('int_line_counts') }}
    where host is not null

),

projects as (

    select
        sessions.project_id,
        min(sessions.project_path) as project_path,
        min(sessions.project_folder) as project_folder,
        min(lines.first_seen_at) as first_seen_at,
        max(lines.last_seen_at) as last_seen_at,
        count(distinct sessions.session_id) as session_count,
        count(distinct sessions.worktree_name) as worktree_count
    from sessions
    inner join lines on sessions.session_key = lines.session_key
    where sessions.project_id is not null
    group by sessions.project_id

),

-- Projects whose transcripts are all gone: prompts are all that is left of them
remembered as (

    select
        project_id,
        project_id as project_path,
        null as project_folder,
        min(event_at) as first_seen_at,
        max(event_at) as last_seen_at,
        0 as session_count,
        0 as worktree_count
    from {{ ref('int_history_prompts') }}
    where project_id is not null and project_id not in (select projects.project_id from projects)
    group by project_id

),

machines as (

    select
        sessions.project_id,
        count(distinct hosts.host) as host_count
    from sessions
    inner join hosts on sessions.session_key = hosts.session_key
    group by sessions.project_id
    union all
    select
        prompts.project_id,
        count(distinct prompts.host) as host_count
    from {{ ref('int_history_prompts') }} as prompts
    inner join remembered on prompts.project_id = remembered.project_id
    group by prompts.project_id

),

every_project as (

    select * from projects
    union all
    select * from remembered

),

parts as (

    select
        every_project.*,
        coalesce(machines.host_count, 0) as host_count,
        string_split(
            coalesce(nullif(rtrim(every_project.project_path, '/'), ''), every_project.project_id), '/'
        ) as path_parts
    from every_project
    left join machines on every_project.project_id = machines.project_id

),

-- What a project may be called: the last folder, the last two, ... up to the whole path
candidates as (

    select
        project_id,
        unnest(range(1, len(path_parts) + 1)) as part_count,
        array_to_string(path_parts[-part_count:], '/') as candidate
    from parts

),

-- The shortest that is no other project's, too
names as (

    select
        project_id,
        arg_min(candidate, part_count) as project_name
    from (
        select * from candidates
        qualify count(*) over (partition by candidate) = 1
    )
    group by project_id

),

final as (

    select
        parts.project_id,
        coalesce(names.project_name, parts.path_parts[-1] || ' (' || parts.project_id || ')') as project_name,
        parts.project_path,
        parts.project_folder,
        parts.session_count,
        parts.worktree_count,
        parts.host_count,
        parts.first_seen_at,
        parts.last_seen_at
    from parts
    left join names on parts.project_id = names.project_id

)

select * from final
