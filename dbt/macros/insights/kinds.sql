{#- The kinds of findings: for each its rule, and the vars that bound it. What people read of a kind is in insight_words. -#}
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

{#- The findings of all rules. -#}
{%- macro insight_findings() -%}
    {%- for rule in insight_rules().values() %}
    ({{ rule }})
    {%- if not loop.last %}
    union all by name
    {%- endif %}
    {%- endfor %}
{%- endmacro -%}

{#- A row of each kind: its words, its vars with their values, and its rule as a statement over the published database, whatever that is called. -#}
{%- macro insight_kinds_as_rows() -%}
    {%- for kind, rule in insight_rules().items() %}
    select
        '{{ kind }}' as insight_kind,
        {%- for name, words in insight_words()[kind].items() %}
        '{{ words | replace("'", "''") }}' as {{ name }},
        {%- endfor %}
        '{%- for name in insight_thresholds()[kind] + ['insight_minimum_usd'] -%}
            {{ name }} = {{ var(name) | string | replace("'", "''") }}{{ '; ' if not loop.last }}
        {%- endfor %}' as thresholds,
        '{{ modules.re.sub('"(\\w+)"\\."(\\w+)"', '\\1.\\2', (rule | string).replace('"' ~ target.database ~ '".', '')).replace("'", "''") | trim }}' as rule_sql
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
{%- endmacro -%}
