-- Tokens and cost by local day, team, cost centre, project and model, by the rules as they are now.
{{ config(materialized='view') }}

with usage as (

    select * from {{ ref('agg_branch_usage') }}

),

sources as (

    select * from {{ ref('dim_cost_sources') }}

),

assigned as (

    select
        usage.*,
        sources.team,
        sources.cost_centre
    from usage
    inner join sources
        on
            usage.project_id is not distinct from sources.project_id
            and usage.git_branch is not distinct from sources.git_branch

),

daily as (

    select
        {{ surrogate_key(['date_key', 'team', 'cost_centre', 'project_id', 'model']) }} as cost_centre_usage_key,
        date_key,
        team,
        cost_centre,
        project_id,
        model,
        {{ statement_measures('response_count', 'unpriced_response_count') }}
    from assigned
    group by date_key, team, cost_centre, project_id, model

)

select * from daily
