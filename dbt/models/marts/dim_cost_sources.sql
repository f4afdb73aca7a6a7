-- Which cost centre pays for a branch of a project: the first rule of the user's file whose conditions all hold. An unknown fact
-- meets no condition.
{{ config(materialized='view') }}

with sources as (

    select distinct
        project_id,
        git_branch
    from {{ ref('agg_branch_usage') }}

),

projects as (

    select
        project_id,
        project_path
    from {{ ref('dim_projects') }}

),

rules as (

    select * from {{ budget_inputs('rule', {
        'position': 'INTEGER', 'path': 'VARCHAR', 'remote': 'VARCHAR', 'branch': 'VARCHAR', 'ticket': 'VARCHAR',
        'cost_centre': 'VARCHAR', 'team': 'VARCHAR'
    }) }}

),

read_remotes as (

    select * from {{ budget_inputs('remote', {'path': 'VARCHAR', 'remote': 'VARCHAR', 'position': 'BIGINT'}) }}

),

-- The last remote that was read in a directory of the project stands.
remotes as (

    select
        {{ repository_path(folded_path("path")) }} as project_path,
        arg_max(remote, position) as git_remote
    from read_remotes
    group by all

),

described as (

    select
        sources.project_id,
        sources.git_branch,
        projects.project_path,
        remotes.git_remote
    from sources
    left join projects on sources.project_id = projects.project_id
    left join remotes on projects.project_path = remotes.project_path

),

matched as (

    select
        described.*,
        rules.position as rule_position,
        rules.cost_centre,
        rules.team,
        regexp_extract(described.git_branch, rules.ticket, 1) as ticket
    from described
    inner join rules
        on
            (rules.path is null or regexp_matches(described.project_path, rules.path))
            and (rules.remote is null or regexp_matches(described.git_remote, rules.remote))
            and (rules.branch is null or regexp_matches(described.git_branch, rules.branch))
            and (rules.ticket is null or regexp_matches(described.git_branch, rules.ticket))
    qualify row_number() over (
        partition by described.project_id, described.git_branch order by rules.position
    ) = 1

),

final as (

    select
        {{ surrogate_key(['described.project_id', 'described.git_branch']) }} as cost_source_key,
        described.project_id,
        described.git_branch,
        described.git_remote,
        matched.ticket,
        matched.rule_position,
        coalesce(replace(matched.cost_centre, '{ticket}', coalesce(matched.ticket, '')), 'unassigned') as cost_centre,
        matched.team
    from described
    left join matched
        on
            described.project_id is not distinct from matched.project_id
            and described.git_branch is not distinct from matched.git_branch

)

select * from final
