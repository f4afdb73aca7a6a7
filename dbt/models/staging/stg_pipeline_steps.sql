-- Steps of the runs.
{{ config(pre_hook="{{ scheduler_table('pipeline_steps') }}") }}

with source as (

    select * from {{ source('scheduler', 'pipeline_steps') }}

),

renamed as (

    select
        run_id || ':' || position as run_step_id,
        run_id,
        position as step_position,
        name as step_name,
        status as step_status,
        started_at,
        seconds as step_seconds,
        rows_in,
        rows_out,
        attempts,
        message as step_message
    from source

)

select * from renamed
