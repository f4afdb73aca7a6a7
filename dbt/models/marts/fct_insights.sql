-- What a session could have cost less, a finding a row, by the rules of macros/insights. Dollars of different kinds overlap (a cold cache
-- within a session that had better been split): they are summed within a kind, never over kinds.
{{ config(materialized='incremental', incremental_strategy='by_session') }}

with findings as (

    {{ insight_findings() }}

)

select
    {{ surrogate_key(['insight_kind', 'session_key', 'agent_key', 'coalesce(subject_digest, subject)']) }}
        as insight_key,
    insight_kind,
    session_id,
    session_key,
    project_id,
    agent_key,
    occurred_at,
    {{ local_date_key('occurred_at') }} as date_key,
    subject,
    round(cast(quantity as double), 1) as quantity,
    cast({{ at_most('round(tokens)', 9007199254740992) }} as bigint) as tokens,
    round(cast(cost_usd as double), 6) as cost_usd,
    evidence
from findings
where cost_usd is null or cost_usd >= {{ var('insight_minimum_usd') }}
