-- The scheduler's own history: what ran when, how it ended, and how long each step took.
with runs as (

    select * from {{ ref('stg_pipeline_runs') }}

),

steps as (

    select
        run_id,
        sum(step_seconds) filter (where step_name = 'collect') as collect_seconds,
        sum(step_seconds) filter (where step_name = 'extract') as extract_seconds,
        sum(step_seconds) filter (where step_name = 'load') as load_seconds,
        sum(step_seconds) filter (where step_name = 'transform') as transform_seconds,
        sum(step_seconds) filter (where step_name = 'publish') as publish_seconds,
        sum(step_seconds) filter (where step_name = 'refresh') as refresh_seconds,
        sum(rows_out) filter (where step_name = 'extract') as documents_extracted,
        sum(rows_out) filter (where step_name = 'load') as rows_loaded,
        max(step_name) filter (where step_status in ('failed', 'interrupted')) as failed_step
    from {{ ref('stg_pipeline_steps') }}
    group by run_id

),

final as (

    select
        runs.run_id,
        runs.run_kind,
        runs.run_trigger,
        runs.run_status,
        runs.run_status in ('succeeded', 'unchanged') as is_success,
        runs.run_status in ('missed', 'overlapped', 'locked') as did_not_happen,
        runs.scheduled_at,
        runs.started_at,
        runs.finished_at,
        {{ local_date_key('runs.started_at') }} as date_key,
        runs.run_seconds,
        steps.collect_seconds,
        steps.extract_seconds,
        steps.load_seconds,
        steps.transform_seconds,
        steps.publish_seconds,
        steps.refresh_seconds,
        coalesce(steps.documents_extracted, 0) as documents_extracted,
        coalesce(steps.rows_loaded, 0) as rows_loaded,
        steps.failed_step,
        runs.run_message,
        runs.is_full_refresh,
        runs.generation,
        runs.host
    from runs
    left join steps on runs.run_id = steps.run_id

)

select * from final
