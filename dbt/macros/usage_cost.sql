{#- Money and model ids, at one place for every model that needs them. -#}

{#-
  A model id as the price list writes it: without gateway path, Bedrock prefix and version, Vertex date sign, and [1m].
  us.anthropic.claude-sonnet-4-5-20250929-v1:0 -> claude-sonnet-4-5-20250929
-#}
{%- macro normalised_model(model) -%}
    regexp_replace(
        replace(
            regexp_replace(
                regexp_replace(lower({{ model }}), '^.*/|\[[^\]]*\]$', '', 'g'), '^([a-z0-9-]+\.)*anthropic\.', ''
            ), '@', '-'
        ), '^(claude-.*[^-])-v[0-9]+(:[0-9]+)?$', '\1'
    )
{%- endmacro -%}

{#- USD for tokens at a rate per million; zero tokens cost nothing even where the rate is unknown, any others then cost NULL. -#}
{%- macro token_cost(tokens, rate) -%}
    if({{ tokens }} = 0, 0, {{ tokens }} * {{ rate }} / 1e6)
{%- endmacro -%}

{#-
  A sum of money that does not depend on the order of its rows: DOUBLEs are added as decimals. NULL parts are left out, and
  the sum is NULL where every part is.
-#}
{%- macro money_sum(column) -%}
    cast(sum(cast({{ column }} as decimal(28, 10))) as double)
{%- endmacro -%}

{#- Share of the prompt's tokens that the cache answered; NULL without a prompt. -#}
{%- macro cache_hit_rate(cache_read, input, cache_creation) -%}
    round({{ cache_read }} / nullif({{ cache_read }} + {{ input }} + {{ cache_creation }}, 0), 6)
{%- endmacro -%}

{#- When a price of int_model_rates holds on a UTC day. -#}
{%- macro price_holds_on(rates, day) -%}
    ({{ rates }}.valid_from is null or {{ day }} >= {{ rates }}.valid_from)
    and ({{ rates }}.valid_to is null or {{ day }} < {{ rates }}.valid_to)
{%- endmacro -%}

{#- Rows of a fact whose prices are not today's list's any more, as a subquery of one column. -#}
{%- macro responses_with_old_prices() -%}
    select used.request_key
    from {{ this }} as used
    inner join (
        select days.model, days.priced_on, days.price_key
        from (select distinct model, priced_on, price_key from {{ this }}) as days
        left join {{ ref('int_model_rates') }} as rates
            on days.model = rates.model and {{ price_holds_on('rates', 'days.priced_on') }}
        group by all
        having arg_min(rates.price_key, rates.priority) is distinct from days.price_key
    ) as old
        on used.model = old.model
        and used.priced_on is not distinct from old.priced_on
        and used.price_key is not distinct from old.price_key
{%- endmacro -%}
