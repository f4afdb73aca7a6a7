-- Several status lines may tell the same at once, and an idle one repeats an old reading: the first one stands.
with readings as (

    select * from {{ ref('stg_plan_limits') }}

),

first_readings as (

    select
        host,
        limit_window,
        resets_at,
        used_share,
        min(observed_at) as observed_at
    from readings
    group by host, limit_window, resets_at, used_share

),

final as (

    select
        {{ surrogate_key(['host', 'limit_window', 'resets_at', 'used_share']) }} as plan_limit_key,
        host,
        limit_window,
        observed_at,
        {{ local_date_key('observed_at') }} as date_key,
        used_share,
        resets_at,
        used_share >= 1 as is_exhausted
    from first_readings

)

select * from final
