{#-
  A pause longer than the cache lives: what was cached is written again at the write price, where it would have been read. Only tokens that
  the response before had in the cache count, and only where the prompt still holds all of them: after a compaction nothing is lost.
-#}
{%- macro insight_cold_cache() -%}
with responses as (
    {{ insight_responses() }}
),

in_order as (
    select
        *,
        lag(model) over thread as model_before,
        lag(cache_read_tokens + cache_creation_tokens) over thread as cached_before,
        date_diff('second', lag(coalesce(last_line_at, requested_at)) over thread, requested_at) / 60 as pause_minutes,
        last_value(if(cache_creation_tokens = 0, null, if(cache_creation_5m_tokens > 0, 5, 60)) ignore nulls) over (
            thread rows between unbounded preceding and 1 preceding
        ) as lifetime_minutes
    from responses
    window thread as (partition by session_key, agent_key order by requested_at, request_key)
),

cold as (
    select
        *,
        least(cache_creation_tokens, cached_before - cache_read_tokens) as rewritten_tokens
    from in_order
    where model = model_before and pause_minutes > lifetime_minutes and prompt_tokens >= cached_before
)

select
    'cold_cache' as insight_kind,
    session_id,
    session_key,
    project_id,
    agent_key,
    requested_at as occurred_at,
    request_key as subject,
    pause_minutes as quantity,
    rewritten_tokens as tokens,
    rewritten_tokens * (write_usd - read_usd) as cost_usd,
    'A pause of ' || {{ lasted('pause_minutes') }} || ', and the cache lives ' || {{ lasted('lifetime_minutes') }} || ': '
    || {{ counted('rewritten_tokens', 'token') }} || ' that were cached before it were written again.' as evidence
from cold
where rewritten_tokens >= {{ var('insight_cold_cache_tokens') }}
{%- endmacro -%}
