-- What Claude Code told its status line of the plan's limits.
{{ config(pre_hook="{{ scheduler_table('plan_limits') }}") }}

with source as (

    select * from {{ source('scheduler', 'plan_limits') }}

),

renamed as (

    select distinct
        observed_at,
        limit_window,
        round(used_percentage / 100, 6) as used_share,
        resets_at,
        host
    from source

)

select * from renamed
