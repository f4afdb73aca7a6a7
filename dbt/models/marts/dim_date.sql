-- Every local date from the first to the last line or remembered prompt, without gaps; dates outside 2000..2100 (a broken clock) appear alone.
with lines as (

    select distinct event_date
    from {{ ref('int_line_counts') }}
    where event_date is not null
    union
    select event_date from {{ ref('int_history_prompts') }}
    where event_date is not null

),

bounds as (

    select
        min(event_date) as first_date,
        max(event_date) as last_date
    from lines
    where year(event_date) between 2000 and 2100

),

days as (

    select cast(unnest(generate_series(first_date, last_date, interval 1 day)) as date) as full_date
    from bounds
    where first_date is not null
    union
    select event_date as full_date from lines

),

final as (

    select
        {{ date_key('full_date') }} as date_key,
        full_date,
        cast(year(full_date) as integer) as year,
        cast(quarter(full_date) as integer) as quarter,
        cast(month(full_date) as integer) as month,
        monthname(full_date) as month_name,
        cast(date_trunc('month', full_date) as date) as month_start,
        cast(date_trunc('week', full_date) as date) as week_start,
        cast(day(full_date) as integer) as day_of_month,
        cast(isodow(full_date) as integer) as day_of_week,
        dayname(full_date) as day_name,
        isodow(full_date) >= 6 as is_weekend
    from days

)

select * from final
