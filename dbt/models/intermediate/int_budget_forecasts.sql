-- How the running period of each budget may end, by the last eight weeks: each day that is left costs what the same weekday cost in one
-- of them, which gives a sum for each week. Fewer than four weeks say too little.
with spending as (

    select
        name,
        day,
        cost_usd,
        period
    from {{ ref('int_budgets') }}

),

settings as (

    select as_of
    from {{ ref('dim_budget_settings') }}
    where as_of is not null

),

subjects as (

    select
        spending.name,
        settings.as_of,
        min(spending.day) as first_day,
        coalesce(sum(spending.cost_usd) filter (where spending.day = settings.as_of), 0) as spent_today_usd,
        cast(
            date_trunc(any_value(spending.period), settings.as_of)
            + cast('1 ' || any_value(spending.period) as interval) - interval 1 day as date
        ) as period_end
    from spending
    cross join settings
    group by spending.name, settings.as_of

),

-- The seven days up to yesterday, those before them, and so on, as far as the budget's subject was there already.
weeks as (

    select
        *,
        as_of - 7 * week as week_start
    from (
        select
            *,
            unnest([1, 2, 3, 4, 5, 6, 7, 8]) as week
        from subjects
    )
    where as_of - 7 * week >= first_day

),

days_left as (

    select
        *,
        cast(unnest(generate_series(as_of, period_end, interval 1 day)) as date) as day
    from weeks

),

replayed as (

    select
        days_left.name,
        days_left.week,
        sum(greatest(
            coalesce(spending.cost_usd, 0) - if(days_left.day = days_left.as_of, days_left.spent_today_usd, 0), 0
        )) as further_usd
    from days_left
    left join spending
        on
            days_left.name = spending.name
            -- the same weekday of that week
            and spending.day = days_left.week_start + cast((days_left.day - days_left.as_of) % 7 as integer)
    group by days_left.name, days_left.week

),

final as (

    select
        name,
        count(*) as history_weeks,
        cast(median(further_usd) as double) as further_usd,
        cast(min(further_usd) as double) as least_usd,
        cast(max(further_usd) as double) as most_usd
    from replayed
    group by name
    having count(*) >= 4

)

select * from final
