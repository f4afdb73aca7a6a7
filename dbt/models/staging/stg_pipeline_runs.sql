-- Runs of the pipeline, of the maintenance and of backups, those included that were due and did not happen.
{{ config(pre_hook="{{ scheduler_table('pipeline_runs') }}") }}

with source as (

    select * from {{ source('scheduler', 'pipeline_runs') }}

),

renamed as (

    select
        run_id,
        kind as run_kind,
        trigger as run_trigger,
        status as run_status,
        scheduled_at,
        started_at,
        finished_at,
        seconds as run_seconds,
        message as run_message,
        full_refresh as is_full_refresh,
        generation,
        host
    from source

)

select * from renamed
