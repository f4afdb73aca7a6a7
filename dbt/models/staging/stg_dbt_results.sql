-- What dbt said of each model, seed, test and source in each run.
{{ config(pre_hook="{{ scheduler_table('dbt_results') }}") }}

with source as (

    select * from {{ source('scheduler', 'dbt_results') }}

),

renamed as (

    select
        run_id || ':' || position as dbt_result_id,
        run_id,
        unique_id as node_id,
        name as node_name,
        resource_type,
        status as node_status,
        seconds as node_seconds,
        rows as affected_rows,
        failures as failing_rows,
        message as node_message
    from source

)

select * from renamed
