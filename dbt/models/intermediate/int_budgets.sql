-- The budgets of the user's file, each with the days that it is about: those on which its subject cost something.
with listed as (

    select * from {{ budget_inputs('budget', {
        'position': 'INTEGER', 'name': 'VARCHAR', 'amount': 'DECIMAL(20, 2)', 'currency': 'VARCHAR',
        'period': 'VARCHAR', 'scope': 'VARCHAR', 'scope_name': 'VARCHAR', 'valid_from': 'DATE', 'thresholds': 'DOUBLE[]',
        'alerts_on_forecast': 'BOOLEAN'
    }) }}

),

spending as (

    select
        listed.name,
        days.full_date as day,
        coalesce({{ decimal_sum('usage.cost_usd') }}, 0) as cost_usd,
        {{ count_sum('usage.unpriced_response_count') }} as unpriced
    from {{ ref('agg_cost_centre_usage') }} as usage
    inner join {{ ref('dim_date') }} as days on usage.date_key = days.date_key
    left join {{ ref('dim_projects') }} as projects on usage.project_id = projects.project_id
    inner join listed
        on
            case listed.scope
                when 'all' then true
                when 'project' then coalesce(listed.scope_name in (projects.project_name, projects.project_path), false)
                when 'cost centre' then usage.cost_centre = listed.scope_name
                else usage.team = listed.scope_name
            end
    group by all

),

final as (

    select
        listed.*,
        spending.day,
        coalesce(spending.cost_usd, 0) as cost_usd,
        coalesce(spending.unpriced, 0) as unpriced
    from listed
    left join spending on listed.name = spending.name

)

select * from final
