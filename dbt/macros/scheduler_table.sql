{#-
  Creates a table of the scheduler's in `raw` where it is missing, so that every model builds also where no scheduler has written
  its history yet. The columns are those of scheduler/history_export.py, scheduler/plan_limits.py and scheduler/budgets/inputs.py; tests
  hold them equal.
-#}
{%- macro scheduler_table(name) -%}
    {%- set columns = {
        'pipeline_runs': 'run_id bigint, kind varchar, trigger varchar, status varchar, scheduled_at timestamptz, started_at timestamptz, '
            ~ 'finished_at timestamptz, seconds double, message varchar, full_refresh boolean, generation bigint, host varchar',
        'pipeline_steps': 'run_id bigint, position integer, name varchar, status varchar, started_at timestamptz, seconds double, '
            ~ 'rows_in bigint, rows_out bigint, attempts integer, message varchar',
        'dbt_results': 'run_id bigint, position integer, unique_id varchar, name varchar, resource_type varchar, status varchar, '
            ~ 'seconds double, rows bigint, failures bigint, message varchar',
        'plan_limits': 'observed_at timestamptz, limit_window varchar, used_percentage double, resets_at timestamptz, host varchar',
        'budget_inputs': 'kind varchar, item varchar'
    } -%}
    {%- if target.type == 'duckdb' %}
    create table if not exists raw.{{ name }} ({{ columns[name] }})
    {%- endif -%}
{%- endmacro -%}
