-- Tokens and cost by local day, project, model and machine.
{{ config(materialized='incremental', incremental_strategy='by_day') }}

with requests as (

    select * from {{ of_touched_days(ref('fct_api_requests')) }}

),

daily as (

    select
        {{ surrogate_key(['date_key', 'project_id', 'model', 'host']) }} as daily_usage_key,
        date_key,
        project_id,
        model,
        host,
        cast(count(distinct session_id) as bigint) as session_count,
        {{ usage_measures() }}
    from requests
    group by date_key, project_id, model, host

)

select * from daily
