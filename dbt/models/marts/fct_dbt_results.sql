-- What dbt said of each node in each run: which tests fail, since when, and which models get slow.
with results as (

    select * from {{ ref('stg_dbt_results') }}

),

runs as (

    select * from {{ ref('stg_pipeline_runs') }}

),

final as (

    select
        results.dbt_result_id,
        results.run_id,
        runs.started_at,
        {{ local_date_key('runs.started_at') }} as date_key,
        results.node_id,
        results.node_name,
        results.resource_type,
        results.node_status,
        results.node_status in ('error', 'fail', 'runtime error') as is_failed,
        results.node_status = 'warn' as is_warned,
        results.node_seconds,
        results.affected_rows,
        results.failing_rows,
        results.node_message
    from results
    inner join runs on results.run_id = runs.run_id

)

select * from final
