-- What the monitor of drift watches, as numerators and denominators, by local day, project, model and version of Claude Code.
{{ config(materialized='incremental', incremental_strategy='by_day') }}

select
    {{ surrogate_key(['date_key', 'project_id', 'model', 'version']) }} as drift_metrics_key,
    date_key,
    project_id,
    model,
    version,
    {{ drift_measures() }}
from {{ of_touched_days(ref('int_drift_measures')) }}
group by date_key, project_id, model, version
