{#- The kinds of findings: for each its rule, and the vars that bound it. What people read of a kind is in the seed insight_kinds. -#}
{%- macro insight_rules() -%}
    {%- do return({
        'cold_cache': insight_cold_cache(),
        'far_context': insight_far_context(),
        'repeated_reads': insight_repeated_reads(),
        'failing_calls': insight_failing_calls(),
        'subagent_cost': insight_subagent_cost(),
        'skill_cost': insight_skill_cost(),
        'mcp_cost': insight_mcp_cost(),
        'split_session': insight_split_session(),
        'dear_model': insight_dear_model(),
    }) -%}
{%- endmacro -%}

{%- macro insight_thresholds() -%}
    {%- do return({
        'cold_cache': ['insight_cold_cache_tokens'],
        'far_context': ['insight_far_context_tokens', 'insight_far_context_responses', 'insight_summary_tokens'],
        'repeated_reads': ['insight_repeated_read_tokens'],
        'failing_calls': [],
        'subagent_cost': ['insight_helper_calls', 'insight_small_agent_calls'],
        'skill_cost': ['insight_helper_calls'],
        'mcp_cost': ['insight_helper_calls'],
        'split_session': ['insight_split_pause_minutes', 'insight_split_tokens'],
        'dear_model': ['insight_short_answer_tokens', 'insight_few_calls', 'insight_cheaper_models'],
    }) -%}
{%- endmacro -%}
