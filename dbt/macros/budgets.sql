{#- Cost centres, budgets and statements: what their models share. -#}

{#- Rows of one kind of raw.budget_inputs, a column for each field. -#}
{%- macro budget_inputs(kind, fields) -%}
    (
        select unnest(from_json(item, '{{ fields | tojson }}'))
        from {{ ref('stg_budget_inputs') }}
        where kind = '{{ kind }}'
    )
{%- endmacro -%}

{#- A sum of costs that is exact to the tenth decimal; NULL where no cost is known. -#}
{%- macro decimal_sum(column) -%}
    cast(sum(cast({{ column }} as decimal(38, 10))) as decimal(38, 10))
{%- endmacro -%}

{#- Responses, tokens and the exact cost, from responses or from sums of them. -#}
{%- macro statement_measures(responses, unpriced) -%}
    {{ count_sum(responses) }} as response_count,
    {{ count_sum(unpriced) }} as unpriced_response_count,
    {%- for tokens in ['input_tokens', 'output_tokens', 'cache_read_tokens', 'cache_creation_tokens'] %}
    {{ count_sum(tokens) }} as {{ tokens }},
    {%- endfor %}
    {{ decimal_sum('cost_usd') }} as cost_usd
{%- endmacro -%}

{#-
  An exact cost in cents, so that the rows of a group add up to the group's sum in cents: every row is cut to whole cents, and the cents that
  are then missing go, one each, to the rows that lost most; of equal ones to the first by `key`. A sum of half a cent is rounded up.
-#}
{%- macro cents_of_sum(cost, key, within) -%}
    {%- set units = 'cast(' ~ cost ~ ' * 10000000000 as hugeint)' -%}
    cast(cast(
        {{ units }} // 100000000 + if(
            row_number() over (
                partition by {{ within }} order by {{ units }} % 100000000 desc nulls last, {{ key }}
            ) <= (sum({{ units }}) over (partition by {{ within }}) + 50000000) // 100000000
            - sum({{ units }} // 100000000) over (partition by {{ within }}),
            1, 0
        ) as decimal(20, 0)
    ) * 0.01 as decimal(20, 2))
{%- endmacro -%}
