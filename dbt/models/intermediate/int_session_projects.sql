-- The project of each session: the directory that its work was in, a worktree's repository in its place. Never decoded from the
-- transcript's folder, whose name does not tell data_lab, data-lab and data.lab apart; that name stands only where no line names a
-- directory.
{{ config(materialized='incremental', incremental_strategy='by_session') }}

with lines as (

    select
        {{ session_key() }} as session_key,
        session_id,
        project_folder,
        {{ folded_path("rtrim(cwd, '/' || chr(92))") }} as directory,
        -- Claude Code names the folder after the directory that it was started in
        regexp_replace(cwd, '[^A-Za-z0-9-]', '-', 'g') = project_folder as is_start,
        message_type,
        is_sidechain,
        event_at,
        byte_offset,
        document_id
    from {{ ref('stg_conversations') }}
    where block_index = 0

),

directories as (

    select
        session_key,
        arg_min(
            if(directory = '', '/', directory),
            (
                coalesce(not is_start, true), is_sidechain, coalesce(event_at, 'infinity'), coalesce(byte_offset, 0),
                document_id
            )
        ) as directory
    from lines
    where directory is not null
    group by session_key

),

folders as (

    select
        session_key,
        session_id,
        project_folder,
        count(*) as line_count,
        count(message_type) > 0 as has_messages
    from lines
    group by session_key, session_id, project_folder
    qualify row_number() over (partition by session_key order by line_count desc, project_folder asc) = 1

),

-- Claude Code notes where it made a worktree, and from where.
made_worktrees as (

    select
        {{ session_key() }} as session_key,
        min({{ folded_path("attributes ->> '$.worktreeSession.worktreePath'") }}) as worktree_path,
        min({{ folded_path("attributes ->> '$.worktreeSession.originalCwd'") }}) as original_path
    from {{ ref('stg_conversations') }}
    where line_type = 'worktree-state' and (attributes ->> '$.worktreeSession.originalCwd') is not null
    group by all

),

located as (

    select
        folders.session_key,
        folders.session_id,
        folders.project_folder,
        folders.has_messages,
        directories.directory,
        coalesce(
            directories.directory = made_worktrees.worktree_path
            or starts_with(directories.directory, made_worktrees.worktree_path || '/'),
            false
        ) as is_made_worktree,
        made_worktrees.original_path,
        made_worktrees.worktree_path
    from folders
    left join directories on folders.session_key = directories.session_key
    left join made_worktrees on folders.session_key = made_worktrees.session_key

),

rooted as (

    select
        *,
        if(is_made_worktree, original_path, directory) as work_path,
        coalesce(
            if(is_made_worktree, regexp_extract(worktree_path, '[^/]+$'), null),
            {{ worktree_name('directory') }}
        ) as worktree_name
    from located

)

select
    session_key,
    session_id,
    coalesce({{ repository_path('work_path') }}, project_folder) as project_id,
    {{ repository_path('work_path') }} as project_path,
    project_folder,
    has_messages,
    worktree_name is not null as is_worktree,
    worktree_name
from rooted
