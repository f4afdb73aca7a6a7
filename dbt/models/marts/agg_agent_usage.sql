-- Tokens and cost of sub-agents. Older transcripts name no agent: their sub-agents' answers are one row per session.
{{ config(materialized='incremental', incremental_strategy='by_session') }}

with requests as (

    select * from {{ ref('fct_api_requests') }}
    where is_subagent

),

agents as (

    select
        {{ surrogate_key(['session_key', 'agent_id']) }} as agent_usage_key,
        session_id,
        session_key,
        agent_id,
        max(project_id) as project_id,
        min(requested_at) as first_request_at,
        max(last_line_at) as last_response_at,
        {{ usage_measures() }}
    from requests
    group by session_id, session_key, agent_id

)

select * from agents
