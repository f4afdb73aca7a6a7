{#- Drift: what is added up, and which figures are watched. docs/insights.md says why these and how they were calibrated. -#}

{#- Sums of agg_drift_metrics, and of its rows. -#}
{%- macro drift_measures() -%}
    {%- for measure in [
        'turn_count', 'redone_turn_count', 'response_count', 'thinking_response_count', 'priced_response_count', 'attempt_count', 'error_count',
        'input_tokens', 'output_tokens', 'visible_output_tokens', 'cache_read_tokens', 'cache_creation_tokens', 'cache_creation_5m_tokens',
        'cache_creation_1h_tokens'
    ] %}
    coalesce({{ count_sum(measure) }}, 0) as {{ measure }},
    {%- endfor %}
    {%- for part in ['input', 'output', 'cache_read', 'cache_write_5m', 'cache_write_1h', 'web_search'] %}
    {{ exact_sum(part ~ '_cost_usd') }} as {{ part }}_cost_usd{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro -%}

{#-
  The watched figures: numerator, denominator, what is counted on a day (chance alone makes a day of few differ), and the scale: a share
  lies between 0 and 1, a ratio is any positive number. Last its name in a sentence. The last is what people call it.
-#}
{%- macro drift_metrics() -%}
    {%- do return({
        'cache_1h_share': ['cache_creation_1h_tokens', 'cache_creation_tokens', 'response_count', 'share', 'share of cache writes kept for an hour'],
        'cache_hit_share': ['cache_read_tokens', 'cast(input_tokens as double) + cache_read_tokens + cache_creation_tokens', 'response_count', 'share', 'share of the prompts that the cache answered'],
        'thinking_share': ['thinking_response_count', 'response_count', 'response_count', 'share', 'share of answers with thinking'],
        'output_per_prompt': ['visible_output_tokens', 'turn_count', 'turn_count', 'ratio', 'output tokens per prompt'],
        'error_rate': ['error_count', 'attempt_count', 'attempt_count', 'share', 'share of tool calls that failed'],
        'redo_rate': ['redone_turn_count', 'turn_count', 'turn_count', 'share', 'share of prompts stopped or refused'],
    }) -%}
{%- endmacro -%}

{#- The watched figures of each day that has enough to count; `level` is the value where chance weighs the same at every value. -#}
{%- macro drift_figures(daily) -%}
    {%- for metric, (numerator, denominator, counted, scale, title) in drift_metrics().items() %}
    select
        '{{ metric }}' as metric,
        model,
        date_key,
        version,
        {{ counted }} as counted,
        ({{ numerator }}) / ({{ denominator }}) as value,
        {{ 'asin(sqrt(least(value, 1)))' if scale == 'share' else 'ln(value)' }} as level,
        {{ 0.25 if scale == 'share' else 1 }} / counted as chance
    from {{ daily }}
    where counted >= {{ var('drift_least_prompts' if counted == 'turn_count' else 'drift_least_count') }} and {{ denominator }} > 0{{ '' if scale == 'share' else ' and ' ~ numerator ~ ' > 0' }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
{%- endmacro -%}

{#- A row of fct_drift_alarms as a sentence. -#}
{%- macro drift_evidence() -%}
    case metric
        {%- for metric, (numerator, denominator, counted, scale, title) in drift_metrics().items() %}
        when '{{ metric }}' then
            format(
                'The {{ title }} of {} went from {{ '{:.1f} %' if scale == 'share' else '{:.0f}' }} to '
                '{{ '{:.1f} %' if scale == 'share' else '{:.0f}' }}',
                model, {{ 100 if scale == 'share' else 1.0 }} * value_before, {{ 100 if scale == 'share' else 1.0 }} * value
            )
        {%- endfor %}
    end
    || format(' on {}; before: the median of {} days.', make_date(changed_date_key // 10000, changed_date_key // 100 % 100, changed_date_key % 100), days_before)
    || if(version != version_before, format(' Claude Code {}, the day before {}.', version, version_before), coalesce(format(' Claude Code {}.', version), ''))
{%- endmacro -%}
