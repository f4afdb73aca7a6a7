-- What the lines, prices and rules of today give for each month, in cents that add up to the month's sum. The statement of a closed
-- month may differ: agg_monthly_statement.
{{ config(materialized='view') }}

with usage as (

    select
        cost_centre_usage.*,
        days.month_start
    from {{ ref('agg_cost_centre_usage') }} as cost_centre_usage
    inner join {{ ref('dim_date') }} as days on cost_centre_usage.date_key = days.date_key

),

months as (

    select
        {{ surrogate_key(['month_start', 'team', 'cost_centre', 'project_id', 'model']) }} as statement_row_key,
        month_start,
        team,
        cost_centre,
        project_id,
        model,
        {{ statement_measures('response_count', 'unpriced_response_count') }}
    from usage
    group by month_start, team, cost_centre, project_id, model

),

final as (

    select
        months.statement_row_key,
        months.month_start,
        months.team,
        months.cost_centre,
        months.project_id,
        coalesce(projects.project_name, months.project_id) as project_name,
        months.* exclude (statement_row_key, month_start, team, cost_centre, project_id),
        {{ cents_of_sum('months.cost_usd', 'months.statement_row_key', 'months.month_start') }} as amount_usd
    from months
    left join {{ ref('dim_projects') }} as projects on months.project_id = projects.project_id

)

select * from final
