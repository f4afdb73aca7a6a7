-- The kinds of findings in fct_insights: what each means, what to do about it, its thresholds as this build had them, and its rule as a
-- statement that anybody can run on the published database.
{{ config(materialized='table') }}

with rules as (

    {{ insight_rules_as_rows() }}

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
