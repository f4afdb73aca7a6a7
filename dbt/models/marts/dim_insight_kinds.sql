-- The kinds of findings in fct_insights: what each means, what to do about it, its thresholds as this build had them, and its rule as a
-- statement that anybody can run on the published database.
{{ config(materialized='table') }}

with rules as (

    {%- for kind, rule in insight_rules().items() %}
    select
        '{{ kind }}' as insight_kind,
        '{%- for name in insight_thresholds()[kind] + ['insight_minimum_usd'] -%}
            {{ name }} = {{ var(name) | string | replace("'", "''") }}{{ '; ' if not loop.last }}
        {%- endfor %}' as thresholds,
        '{{ (rule | string).replace('"' ~ target.database ~ '".', '').replace("'", "''") }}' as rule_sql
    {% if not loop.last %}union all{% endif %}
    {%- endfor %}

)

select
    kinds.insight_kind,
    kinds.title,
    kinds.unit,
    kinds.meaning,
    kinds.advice,
    kinds.dollars,
    rules.thresholds,
    trim(rules.rule_sql) as rule_sql
from {{ ref('insight_kinds') }} as kinds
inner join rules on kinds.insight_kind = rules.insight_kind
