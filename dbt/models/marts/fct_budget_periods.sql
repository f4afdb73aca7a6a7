-- Each budget in each of its periods, from the first day that its subject cost something: what was spent, and how the running period may
-- end.
{{ config(materialized='view') }}

with days as (

    select * from {{ ref('int_budgets') }}

),

settings as (

    select as_of
    from {{ ref('dim_budget_settings') }}
    where as_of is not null

),

budgets as (

    select distinct
        days.* exclude (day, cost_usd, unpriced, valid_from),
        settings.as_of,
        least(
            greatest(
                coalesce(min(days.day) over (partition by days.name), settings.as_of),
                coalesce(days.valid_from, '1970-01-01')
            ),
            settings.as_of
        ) as first_day
    from days
    cross join settings

),

periods as (

    select distinct
        * exclude (day),
        cast(date_trunc(period, day) as date) as period_start,
        cast(date_trunc(period, day) + cast('1 ' || period as interval) - interval 1 day as date) as period_end
    from (
        select
            *,
            unnest(generate_series(first_day, as_of, interval 1 day)) as day
        from budgets
    )

),

spent as (

    select
        name,
        cast(date_trunc(period, day) as date) as period_start,
        cast(sum(cost_usd) as double) as spent_usd,
        sum(unpriced) as unpriced
    from days
    group by name, period, cast(date_trunc(period, day) as date)

),

figures as (

    select
        periods.* exclude (first_day),
        periods.as_of between periods.period_start and periods.period_end as is_current,
        coalesce(spent.spent_usd, 0) as spent_usd,
        cast(coalesce(spent.unpriced, 0) as bigint) as unpriced_response_count,
        rates.valid_from as rate_from,
        if(periods.currency = 'USD', 1, cast(rates.usd_rate as double)) as usd_rate,
        cast(periods.amount as double) as planned
    from periods
    left join spent on periods.name = spent.name and periods.period_start = spent.period_start
    left join {{ ref('dim_currency_rates') }} as rates
        on
            periods.currency = rates.currency
            and periods.period_end >= rates.valid_from
            and (rates.valid_to is null or periods.period_end < rates.valid_to)

),

final as (

    select
        {{ surrogate_key(['figures.name', 'figures.period_start']) }} as budget_period_key,
        figures.name as budget_name,
        figures.* exclude (name, planned),
        figures.planned * figures.usd_rate as amount_usd,
        figures.spent_usd / figures.usd_rate as spent,
        figures.planned - figures.spent_usd / figures.usd_rate as remaining,
        figures.spent_usd / figures.usd_rate / figures.planned as used_share,
        figures.spent_usd + forecasts.further_usd as forecast_usd,
        figures.spent_usd + forecasts.least_usd as forecast_low_usd,
        figures.spent_usd + forecasts.most_usd as forecast_high_usd,
        (figures.spent_usd + forecasts.further_usd) / figures.usd_rate / figures.planned as forecast_share,
        forecasts.history_weeks
    from figures
    left join {{ ref('int_budget_forecasts') }} as forecasts on figures.name = forecasts.name and figures.is_current

)

-- A star takes whatever columns another model has, on purpose.
-- noqa: disable=AM04
select * from final
