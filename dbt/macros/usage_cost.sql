{#- Money, at one place for every model that needs it. -#}

{#- USD for tokens at a rate per million; zero tokens cost nothing even where the rate is unknown, any others then cost NULL. -#}
{%- macro token_cost(tokens, rate) -%}
    if(({{ tokens }}) = 0, 0, ({{ tokens }}) * {{ rate }} / 1e6)
{%- endmacro -%}

{#-
  A sum of fractions that does not depend on the order of its rows: DOUBLEs are added as decimals. NULL parts are left out, and
  the sum is NULL where every part is.
-#}
{%- macro exact_sum(column) -%}
    cast(sum(cast({{ column }} as decimal(28, 10))) as double)
{%- endmacro -%}

{#-
  A sum of whole numbers as BIGINT. A thousand counts near 2^53, the most that the loader lets in, would be more than it holds:
  such a sum stays at its largest value rather than stop a build.
-#}
{%- macro count_sum(numbers, window='') -%}
    {%- set total = 'sum(' ~ numbers ~ ') ' ~ window -%}
    cast({{ at_most(total, 9223372036854775807) }} as bigint)
{%- endmacro -%}

{#- A number, at most so large, so that a cast holds it. An unknown one stays unknown, where least() would give the limit. -#}
{%- macro at_most(number, limit) -%}
    if({{ number }} > {{ limit }}, {{ limit }}, {{ number }})
{%- endmacro -%}

{#- When a price of int_model_rates holds on a UTC day. -#}
{%- macro price_holds_on(rates, day) -%}
    ({{ rates }}.valid_from is null or {{ day }} >= {{ rates }}.valid_from)
    and ({{ rates }}.valid_to is null or {{ day }} < {{ rates }}.valid_to)
{%- endmacro -%}

{#- A count that figures can use, else 0: neither negative nor beyond what a double holds exactly. -#}
{%- macro known_count(value) -%}
    coalesce(if({{ value }} between 0 and 9007199254740992, {{ value }}, 0), 0)
{%- endmacro -%}

{#- The entries of usage.iterations. They are rare, and JSON that does not name them is not read. -#}
{%- macro usage_iterations(usage) -%}
    if(contains(cast({{ usage }} as varchar), '"iterations"'), from_json({{ usage }} -> '$.iterations', '[{
        "type": "VARCHAR", "model": "VARCHAR", "input_tokens": "BIGINT", "output_tokens": "BIGINT",
        "cache_read_input_tokens": "BIGINT", "cache_creation_input_tokens": "BIGINT",
        "cache_creation": {"ephemeral_5m_input_tokens": "BIGINT", "ephemeral_1h_input_tokens": "BIGINT"}
    }]'), null)
{%- endmacro -%}

{#- Those that are attempts at the answer itself; an advisor's are responses of their own. -#}
{%- macro answering_iterations(iterations) -%}
    list_filter({{ iterations }}, lambda attempt: attempt.type is distinct from 'advisor_message')
{%- endmacro -%}

{#- All tokens that entries of usage.iterations report. -#}
{%- macro iteration_tokens(iterations) -%}
    list_sum(list_transform({{ iterations }}, lambda attempt:
        {{ known_count('attempt.input_tokens') }} + {{ known_count('attempt.output_tokens') }}
        + {{ known_count('attempt.cache_read_input_tokens') }} + {{ known_count('attempt.cache_creation_input_tokens') }}
    ))
{%- endmacro -%}

{#- The measures of every usage aggregate, over rows of fct_api_requests. -#}
{%- macro usage_measures() -%}
    cast(count(*) as bigint) as response_count,
    cast(count(*) filter (where is_subagent) as bigint) as subagent_response_count,
    cast(count(*) filter (where not is_finalized) as bigint) as unfinalized_response_count,
    cast(count(*) filter (where not is_priced) as bigint) as unpriced_response_count,
    {%- for tokens in [
        'input_tokens', 'output_tokens', 'cache_read_tokens', 'cache_creation_tokens', 'cache_creation_5m_tokens',
        'cache_creation_1h_tokens', 'web_search_requests'
    ] %}
    {{ count_sum(tokens) }} as {{ tokens }},
    {%- endfor %}
    {{ count_sum('input_tokens + output_tokens + cache_read_tokens + cache_creation_tokens') }} as total_tokens,
    {{ exact_sum('cost_usd') }} as cost_usd,
    {{ exact_sum('if(is_subagent, cost_usd, 0)') }} as subagent_cost_usd,
    {{ exact_sum('cache_savings_usd') }} as cache_savings_usd,
    round(
        sum(cache_read_tokens) / nullif(sum(input_tokens + cache_read_tokens + cache_creation_tokens), 0), 6
    ) as cache_hit_rate
{%- endmacro -%}

{#- The names in a usage object that nothing here reads or knows. -#}
{%- macro unknown_usage_fields(usage) -%}
    list_filter(json_keys({{ usage }}), lambda field: field not in (
        'input_tokens', 'output_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens', 'cache_creation',
        'server_tool_use', 'service_tier', 'speed', 'inference_geo', 'iterations'
    ))
{%- endmacro -%}

{#- All tokens that a cost-state line reports, over its models. -#}
{%- macro reported_tokens(model_usage) -%}
    list_sum(list_transform(
        from_json({{ model_usage }} -> '$.*', '[{
            "inputTokens": "BIGINT", "outputTokens": "BIGINT",
            "cacheReadInputTokens": "BIGINT", "cacheCreationInputTokens": "BIGINT"
        }]'),
        lambda used:
            coalesce(used."inputTokens", 0) + coalesce(used."outputTokens", 0)
            + coalesce(used."cacheReadInputTokens", 0) + coalesce(used."cacheCreationInputTokens", 0)
    ))
{%- endmacro -%}
