-- What the monitor of drift watches, as numerators and denominators. A turn is a prompt that a person typed with what followed until the next
-- one; its day, model and version are those of the first answer of the main conversation after it. A prompt without an answer is no turn.
{{ config(materialized='incremental', incremental_strategy='by_session') }}

with lines as (

    select
        request_key,
        max(version) as version,
        bool_or(thinking_block_count > 0) as thinks
    from {{ ref('fct_messages') }}
    where request_key is not null
    group by request_key

),

responses as (

    select
        requests.*,
        lines.version,
        coalesce(lines.thinks, false) as thinks,
        requests.price_multiplier * {{ token_cost(
            'requests.cache_creation_1h_tokens', 'if(requests.is_long_context, prices.tier_cache_write_1h_usd, prices.cache_write_1h_usd)'
        ) }} as cache_write_1h_cost_usd,
        requests.cache_write_cost_usd - cache_write_1h_cost_usd as cache_write_5m_cost_usd
    from {{ ref('fct_api_requests') }} as requests
    left join lines on requests.request_key = lines.request_key
    left join {{ ref('int_model_prices') }} as prices on requests.price_key = prices.price_key

),

prompts as (

    select
        message_key,
        session_key,
        sent_at
    from {{ ref('fct_messages') }}
    where is_human_prompt and sent_at is not null

),

-- Of those of one instant one, so that what is joined to the nearest is the same in every build.
answers as (

    select * from responses
    where not is_subagent and requested_at is not null
    qualify row_number() over (partition by session_key, requested_at order by request_key) = 1

),

turns as (

    select
        prompts.message_key,
        prompts.session_key,
        prompts.sent_at,
        answers.project_id,
        answers.date_key,
        answers.model,
        answers.version
    from prompts
    asof inner join answers
        on prompts.session_key = answers.session_key and prompts.sent_at <= answers.requested_at

),

turns_in_time as (

    select * from turns
    qualify row_number() over (partition by session_key, sent_at order by message_key) = 1

),

-- A person who stops Claude, or refuses what it is about to do, has it done otherwise.
stops as (

    select
        session_key,
        occurred_at as stopped_at
    from {{ ref('fct_session_events') }}
    where event_kind = 'interruption'
    union all
    select
        session_key,
        coalesce(ended_at, started_at) as stopped_at
    from {{ ref('fct_tool_calls') }}
    where outcome = 'interrupted' or denial_kind = 'user-rejected'

),

redone as (

    select distinct turns_in_time.message_key
    from stops
    asof inner join turns_in_time
        on stops.session_key = turns_in_time.session_key and stops.stopped_at >= turns_in_time.sent_at

),

calls as (

    select
        request_key,
        count(*) filter (where outcome in ('success', 'error')) as attempt_count,
        count(*) filter (where outcome = 'error') as error_count
    from {{ ref('fct_tool_calls') }}
    where request_key is not null
    group by request_key

),

facts as (

    select
        responses.* exclude (output_tokens),
        1 as response_count,
        cast(responses.thinks as integer) as thinking_response_count,
        cast(responses.is_priced as integer) as priced_response_count,
        -- an answer that was never finished says too little; what is visible of it is nearer
        coalesce(responses.estimated_output_tokens, responses.output_tokens) as visible_output_tokens,
        responses.output_tokens,
        calls.attempt_count,
        calls.error_count,
        0 as turn_count,
        0 as redone_turn_count
    from responses
    left join calls on responses.request_key = calls.request_key
    union all by name
    select
        turns.* exclude (message_key, sent_at),
        1 as turn_count,
        cast(redone.message_key is not null as integer) as redone_turn_count
    from turns
    left join redone on turns.message_key = redone.message_key

)

select
    {{ surrogate_key(['session_key', 'date_key', 'project_id', 'model', 'version']) }} as drift_metrics_key,
    session_key,
    date_key,
    project_id,
    model,
    version,
    {{ drift_measures() }}
from facts
group by session_key, date_key, project_id, model, version
