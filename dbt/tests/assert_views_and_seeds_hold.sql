-- The conditions on a view or a seed, in one scan of it, in a run that builds from nothing. After new lines they need no test: a view is
-- over tables that are tested, and seeds do not change. dbt build and a full refresh run each test by itself.
{%- set relations = [
    'file_languages', 'known_line_types', 'model_prices', 'tool_categories', 'agg_cost_centre_months',
    'agg_cost_centre_usage', 'agg_monthly_statement', 'agg_team_usage', 'dim_budget_settings', 'dim_cost_sources',
    'dim_currency_rates', 'dim_insight_kinds', 'fct_budget_periods', 'fct_statement_differences',
    'fct_statement_versions', 'int_answer_lines', 'int_api_response_lines', 'int_budget_forecasts', 'int_budgets',
    'int_line_identities', 'int_queue_removals', 'int_queued_prompts', 'int_reported_costs', 'int_session_precedence',
    'int_statement_pairs', 'int_tool_pairs', 'stg_budget_inputs', 'stg_conversations', 'stg_dbt_results',
    'stg_dead_letters', 'stg_history_prompts', 'stg_masked_secrets', 'stg_messages', 'stg_pipeline_runs',
    'stg_pipeline_steps', 'stg_plan_limits', 'stg_rejected_documents', 'stg_rejected_values', 'stg_tool_calls',
    'stg_transcript_files'
] %}
{%- for name in relations %}
-- depends_on: {{ ref(name) }}
{%- endfor %}

{{ failing_tests_of_written_rows(relations if tests_by_table() else []) }}
