-- What Claude Code reported of each session in its cost-state lines. They are running totals, so the last one counts; where
-- lines carry no time, the highest is the last.
with lines as (

    select * from {{ ref('stg_conversations') }}
    where line_type = 'cost-state' and session_id is not null

),

totals as (

    select
        session_id,
        event_at,
        reported_cost_usd,
        -- bounded by the loader, a hundred models of 2^53 tokens at most
        cast({{ reported_tokens('reported_model_usage') }} as bigint) as reported_tokens
    from lines

),

last_totals as (

    select
        session_id,
        cast(count(*) as bigint) as cost_state_lines,
        max_by(reported_cost_usd, (coalesce(event_at, 'epoch'), reported_cost_usd)) as reported_cost_usd,
        max_by(reported_tokens, (coalesce(event_at, 'epoch'), reported_cost_usd)) as reported_tokens
    from totals
    where reported_cost_usd is not null
    group by session_id

)

select * from last_totals
