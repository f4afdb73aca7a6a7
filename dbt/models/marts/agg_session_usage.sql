-- Tokens and cost by session, and what Claude Code itself reported of it. A session that only copied another's responses has
-- none of its own, and is here only where it reported a cost.
{{ config(materialized='incremental', incremental_strategy='by_session') }}

with requests as (

    select * from {{ ref('fct_api_requests') }}

),

reported as (

    select * from {{ ref('int_reported_costs') }}

),

sessions as (

    select
        session_id,
        min(requested_at) as first_request_at,
        max(last_line_at) as last_response_at,
        cast(count(distinct model) as bigint) as model_count,
        cast(count(distinct agent_id) filter (where is_subagent) as bigint) as agent_count,
        {{ usage_measures() }}
    from requests
    where session_id is not null
    group by session_id

),

reconciled as (

    select
        coalesce(sessions.session_id, reported.session_id) as session_id,
        sessions.* exclude (session_id),
        reported.reported_cost_usd,
        reported.reported_tokens,
        sessions.cost_usd - reported.reported_cost_usd as cost_difference_usd,
        sessions.total_tokens - reported.reported_tokens as token_difference
    from sessions
    full outer join reported on sessions.session_id = reported.session_id

)

select * from reconciled
