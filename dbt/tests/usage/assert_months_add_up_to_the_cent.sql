-- The rows of a month add up to what all its responses cost, in cents.
with usage as (

    select
        days.month_start,
        sum(cast(requests.cost_usd as decimal(28, 10))) as cost_usd
    from {{ ref('fct_api_requests') }} as requests
    inner join {{ ref('dim_date') }} as days on requests.date_key = days.date_key
    group by days.month_start

),

months as (

    select
        month_start,
        sum(amount_usd) as amount_usd
    from {{ ref('agg_cost_centre_months') }}
    group by month_start

)

select
    usage.month_start,
    usage.cost_usd,
    months.amount_usd
from usage
full outer join months on usage.month_start = months.month_start
where round(usage.cost_usd, 2) is distinct from months.amount_usd
