-- A project is the folder that Claude Code keeps for a working directory. Its name comes from what the lines say (cwd):
-- the folder's own name is lossy and never decoded.
with lines as (

    select * from {{ ref('stg_conversations') }}
    where project_id is not null and block_index = 0

),

folders as (

    select
        project_id,
        cwd,
        count(*) as line_count,
        max(event_at) as last_seen_at
    from lines
    where cwd is not null
    group by project_id, cwd

),

-- Claude Code names the folder after the directory it was started in, so a directory that yields the name is the root;
-- else the most frequent.
roots as (

    select
        project_id,
        cwd as project_path
    from folders
    qualify row_number() over (
        partition by project_id
        order by
            regexp_replace(cwd, '[^A-Za-z0-9-]', '-', 'g') = project_id desc,
            line_count desc,
            last_seen_at desc,
            cwd asc
    ) = 1

),

projects as (

    select
        project_id,
        min(event_at) as first_seen_at,
        max(event_at) as last_seen_at,
        count(distinct session_id) as session_count,
        count(distinct host) as host_count
    from lines
    group by project_id

),

final as (

    select
        projects.project_id,
        coalesce(
            nullif(regexp_extract(rtrim(replace(roots.project_path, chr(92), '/'), '/'), '[^/]+$'), ''),
            projects.project_id
        ) as project_name,
        roots.project_path,
        projects.session_count,
        projects.host_count,
        projects.first_seen_at,
        projects.last_seen_at
    from projects
    left join roots on projects.project_id = roots.project_id

)

select * from final
