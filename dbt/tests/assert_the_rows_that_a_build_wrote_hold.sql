-- A run tests the rows that its build wrote, all conditions on a table in one scan of these rows; dbt build, a full refresh and the build
-- after the maintenance run each test by itself. Why the rows that were not written need no test: dbt/README.md.
{%- set tables = [
    'int_answer_labels', 'int_equal_lines', 'int_forked_uuids', 'int_history_prompts', 'int_line_copies',
    'int_line_counts', 'int_model_prices', 'int_model_rates', 'int_repeated_lines', 'int_session_projects',
    'int_shared_lines', 'int_split_answers', 'int_tool_call_blocks', 'int_unclaimed_results', 'agg_agent_usage', 'agg_branch_usage',
    'agg_code_changes', 'agg_daily_summary', 'agg_daily_usage', 'agg_data_quality', 'agg_hourly_activity',
    'agg_project_usage', 'agg_session_metrics', 'agg_session_usage', 'agg_tool_efficiency', 'agg_tool_usage_cost',
    'agg_usage_blocks', 'agg_usage_quality', 'dim_agents', 'dim_commands', 'dim_date', 'dim_hosts', 'dim_mcp_servers',
    'dim_models', 'dim_people', 'dim_projects', 'dim_sessions', 'dim_skills', 'dim_tools', 'fct_api_requests', 'fct_commits',
    'fct_dbt_results', 'fct_file_operations', 'fct_masked_secrets', 'fct_messages', 'fct_pipeline_runs',
    'fct_plan_limits', 'fct_prompts', 'fct_session_events', 'fct_tool_calls',
    'agg_cost_changes', 'agg_drift_metrics', 'fct_drift_alarms', 'fct_insights'
] %}
{%- for name in tables %}
-- depends_on: {{ ref(name) }}
{%- endfor %}

{{ failing_tests_of_written_rows(tables if tests_by_table() else []) }}
