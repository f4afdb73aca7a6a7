-- The kinds of findings in fct_insights: what each means, what to do about it, its thresholds as this build had them, and its rule as a
-- statement that anybody can run on the published database. A view, for it holds nothing but words.
{{ config(materialized='view') }}

{{ insight_kinds_as_rows() }}
