-- A project is the folder that Claude Code keeps for a working directory. Its name comes from what the lines say (cwd):
-- the folder's own name is lossy and never decoded. Two projects never share a name, or they would be one bar in a chart.
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

parts as (

    select
        projects.*,
        roots.project_path,
        string_split(
            coalesce(nullif(rtrim(replace(roots.project_path, chr(92), '/'), '/'), ''), projects.project_id), '/'
        ) as path_parts
    from projects
    left join roots on projects.project_id = roots.project_id

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
        -- folders of one and the same directory differ in nothing but their own names
        coalesce(names.project_name, parts.path_parts[-1] || ' (' || parts.project_id || ')') as project_name,
        parts.project_path,
        parts.session_count,
        parts.host_count,
        parts.first_seen_at,
        parts.last_seen_at
    from parts
    left join names on parts.project_id = names.project_id

)

select * from final
