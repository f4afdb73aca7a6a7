{#-
  What the rules of fct_insights share. Each rule is a macro that gives one SELECT over marts with the columns of `insight_kinds` rows:
  fct_insights puts them together, and dim_insight_kinds keeps the same text, so that a reader runs the very rule.
-#}

{#- Responses with their thread (a session's main conversation, or one sub-agent) and the least that a token of the prompt cost. -#}
{%- macro insight_responses() -%}
    select
        requests.*,
        requests.input_tokens + requests.cache_read_tokens + requests.cache_creation_tokens as prompt_tokens,
        requests.input_cost_usd + requests.cache_read_cost_usd + requests.cache_write_cost_usd as prompt_cost_usd,
        requests.price_multiplier
        * if(requests.is_long_context, prices.tier_cache_read_usd, prices.cache_read_usd) / 1e6 as read_usd,
        requests.cache_write_cost_usd / nullif(requests.cache_creation_tokens, 0) as write_usd
    from {{ ref('fct_api_requests') }} as requests
    left join {{ ref('int_model_prices') }} as prices on requests.price_key = prices.price_key
    where
        requests.session_id is not null
        and requests.requested_at is not null
        -- an advisor's answer is no step of the conversation; of an unnamed sub-agent it is not known which are one conversation
        and requests.advised_request_key is null
        and (requests.agent_key is not null or not requests.is_subagent)
{%- endmacro -%}

{#- Tool calls with their share of the cost of the response that made them, as in agg_tool_usage_cost. -#}
{%- macro insight_calls() -%}
    select
        calls.*,
        requests.model,
        requests.cost_usd / count(*) over (partition by requests.request_key) as cost_share_usd
    from {{ ref('fct_tool_calls') }} as calls
    left join {{ ref('fct_api_requests') }} as requests on calls.request_key = requests.request_key
    where calls.session_id is not null
{%- endmacro -%}

{#- A number of things in an evidence text: 1 answer, 1,234 answers. -#}
{%- macro counted(number, thing) -%}
    format('{:,} {{ thing }}', cast({{ at_most('round(' ~ number ~ ')', 9007199254740992) }} as bigint)) || if(round({{ number }}) = 1, '', 's')
{%- endmacro -%}

{#- Minutes in an evidence text: 45 min, 3 h, 2 days. -#}
{%- macro lasted(minutes) -%}
    case
        when {{ minutes }} >= 2880 then cast(round({{ minutes }} / 1440) as integer) || ' days'
        when {{ minutes }} >= 120 then cast(round({{ minutes }} / 60) as integer) || ' h'
        else cast(round({{ minutes }}) as integer) || ' min'
    end
{%- endmacro -%}
