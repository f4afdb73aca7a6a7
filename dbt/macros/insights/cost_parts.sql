{#- Sums of the days before and after a change. -#}
{%- macro cost_change_sums() -%}
    {%- for side in ['before', 'after'] %}
        {%- set here = "filter (where side = '" ~ side ~ "')" %}
        cast(coalesce(sum(turn_count) {{ here }}, 0) as bigint) as prompts_{{ side }},
        {{ count_sum('cast(input_tokens as hugeint) + cache_read_tokens + cache_creation_tokens + output_tokens', here) }} as tokens_{{ side }},
        sum(error_count) {{ here }} / nullif(sum(attempt_count) {{ here }}, 0) as error_rate_{{ side }},
        cast(sum(response_count - priced_response_count) {{ here }} as bigint) as unpriced_{{ side }},
        cast(coalesce(sum(cast(web_search_cost_usd as decimal(28, 10))) {{ here }}, 0) as decimal(28, 10)) as searches_{{ side }}{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro -%}

{#- A list with tokens and dollars of each kind of token, before and after a change. -#}
{%- macro cost_change_kinds() -%}
    [
        {%- for kind in ['input', 'cache_read', 'cache_creation_5m', 'cache_creation_1h', 'output'] %}
        {
            'kind': '{{ kind }}', 'is_output': {{ kind == 'output' }},
            {%- for side in ['before', 'after'] %}
            {%- set here = "filter (where side = '" ~ side ~ "')" %}
            't_{{ side }}': coalesce(sum({{ kind }}_tokens) {{ here }}, 0),
            'usd_{{ side }}': coalesce(cast(sum(cast({{ kind | replace('creation', 'write') }}_cost_usd as decimal(28, 10))) {{ here }} as double), 0){{ ',' if not loop.last }}
            {%- endfor %}
        }{{ ',' if not loop.last }}
        {%- endfor %}
    ]
{%- endmacro -%}

{#-
  Of a side: tokens per prompt, share of a model in them, share of a kind in the model's, dollars a token. A model or kind of the other side
  alone has the other side's shares and rate here, and so makes a difference by its share of the tokens alone.
-#}
{%- macro cost_change_factors(side, other) -%}
    sum(t_{{ side }}) over whole / prompts_{{ side }} as per_prompt_{{ side }},
    coalesce(sum(t_{{ side }}) over of_model / nullif(sum(t_{{ side }}) over whole, 0), 0) as model_share_{{ side }},
    coalesce(
        t_{{ side }} / nullif(sum(t_{{ side }}) over of_model, 0), t_{{ other }} / nullif(sum(t_{{ other }}) over of_model, 0), 0
    ) as kind_share_{{ side }},
    coalesce(usd_{{ side }} / nullif(t_{{ side }}, 0), usd_{{ other }} / nullif(t_{{ other }}, 0), 0) as rate_{{ side }}
{%- endmacro -%}

{#- Dollars per prompt with none of the factors as after the change, then with one more each time, in the order of docs/insights.md. -#}
{%- macro cost_change_steps() -%}
    {%- set steps = {
        'nothing': [], 'context': ['context'], 'output': ['context', 'output'], 'models': ['context', 'output', 'model_share'],
        'cache': ['context', 'output', 'model_share', 'kind_share'], 'prices': ['context', 'output', 'model_share', 'kind_share', 'rate']
    } %}
    {%- for name, changed in steps.items() %}
        sum(cast(
            if(is_output, per_prompt_{{ 'after' if 'output' in changed else 'before' }}, per_prompt_{{ 'after' if 'context' in changed else 'before' }})
            {%- for factor in ['model_share', 'kind_share', 'rate'] %} * {{ factor }}_{{ 'after' if factor in changed else 'before' }} {%- endfor %}
        as decimal(38, 16))) as with_{{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro -%}

{#- The same as dollars of all prompts, and before the change; decimals, for only these add up exactly. -#}
{%- macro cost_change_dollars() -%}
    cast(cast(with_nothing as double) * prompts_before as decimal(28, 10)) as at_start
    {%- for step in ['nothing', 'context', 'output', 'models', 'cache', 'prices'] %},
    cast(cast(with_{{ step }} as double) * prompts_after as decimal(28, 10)) as at_{{ step }}
    {%- endfor %}
{%- endmacro -%}

{%- macro cost_change_parts(dollars) -%}
    {%- for name, parts in {
        'cost_before': ['at_start', '+', 'searches_before'], 'cost_after': ['at_prices', '+', 'searches_after'],
        'from_prompts': ['at_nothing', '-', 'at_start'], 'from_context': ['at_context', '-', 'at_nothing'],
        'from_output': ['at_output', '-', 'at_context'], 'from_models': ['at_models', '-', 'at_output'],
        'from_cache': ['at_cache', '-', 'at_models'], 'from_prices': ['at_prices', '-', 'at_cache'],
        'from_searches': ['searches_after', '-', 'searches_before']
    }.items() %}
    cast({{ dollars }}.{{ parts[0] }} {{ parts[1] }} {{ dollars }}.{{ parts[2] }} as decimal(28, 10)) as {{ name }}_usd{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro -%}
