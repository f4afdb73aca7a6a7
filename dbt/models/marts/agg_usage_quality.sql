-- How far the usage figures can be trusted: one row per metric, in the shape of agg_data_quality.
with requests as (

    select * from {{ ref('fct_api_requests') }}

),

sessions as (

    select * from {{ ref('agg_session_usage') }}
    where reported_cost_usd is not null

),

silent_messages as (

    select message_id
    from {{ ref('stg_messages') }}
    where message_type = 'assistant' and block_index = 0 and model is distinct from '<synthetic>' and message_id is not null
    group by message_id
    having count(usage) = 0

),

request_metrics as (

    unpivot (
        select
            cast(count(*) as double) as responses,
            cast(coalesce(sum(line_count), 0) - count(*) as double) as response_lines_merged,
            cast(count(*) filter (where session_count > 1) as double) as responses_in_several_sessions,
            cast(count(*) filter (where is_progress_only) as double) as responses_only_in_progress,
            cast(count(*) filter (where not is_finalized) as double) as responses_unfinalized,
            cast(count(*) filter (where not is_priced) as double) as responses_unpriced,
            cast(count(*) filter (where message_id is null) as double) as responses_without_message_id,
            cast(count(*) filter (where request_id is null) as double) as responses_without_request_id,
            cast(count(*) filter (where requested_at is null) as double) as responses_without_time,
            cast(count(*) filter (where lacks_cache_split) as double) as responses_without_cache_split,
            cast(count(*) filter (where unknown_usage_fields is not null) as double) as responses_with_unknown_usage_fields,
            cast(coalesce(sum(extra_attempts), 0) as double) as extra_attempts,
            cast(coalesce(sum(extra_attempt_tokens), 0) as double) as extra_attempt_tokens
        from requests
    )
    on columns(*)
    into name metric value value

),

metrics as (

    select * from request_metrics
    union all
    select 'messages_without_usage', count(*) from silent_messages
    union all
    select 'sessions_with_reported_cost', count(*) from sessions
    union all
    select 'reported_cost_usd', coalesce({{ money_sum('reported_cost_usd') }}, 0) from sessions
    union all
    select 'reported_cost_difference_usd', coalesce({{ money_sum('coalesce(cost_usd, 0) - reported_cost_usd') }}, 0) from sessions

),

details as (

    select * from (values
        ('responses', 'API responses, each counted once'),
        ('response_lines_merged', 'Further lines of the same responses, which naive sums would count again'),
        ('responses_in_several_sessions', 'Responses that a fork or a resumed session copied; they count for the session that began first'),
        ('responses_only_in_progress', 'Sub-agent responses that exist in progress lines alone'),
        ('responses_unfinalized', 'Responses without a stop reason; their output tokens may be too low'),
        ('responses_unpriced', 'Responses whose cost is not known'),
        ('responses_without_message_id', 'Lines with a usage and no message id, each counted as a response'),
        ('responses_without_request_id', 'Responses through gateways that give no request id'),
        ('responses_without_time', 'Responses that belong to no day'),
        ('responses_without_cache_split', 'Responses that do not say how long their cache writes last; counted as five minutes'),
        ('responses_with_unknown_usage_fields', 'Responses whose usage has fields that no figure reads'),
        ('extra_attempts', 'Attempts in usage.iterations besides the answer, as after a fallback; in no other figure'),
        ('extra_attempt_tokens', 'Tokens of those attempts; in no other figure, for whether they are billed is not known'),
        ('messages_without_usage', 'Answers that report no usage at all; in no figure of tokens or cost'),
        ('sessions_with_reported_cost', 'Sessions whose cost Claude Code reported itself (cost-state)'),
        ('reported_cost_usd', 'What Claude Code reported for those sessions'),
        ('reported_cost_difference_usd', 'What these figures say for those sessions, minus what Claude Code reported')
    ) as described (metric, detail)

),

examples as (

    -- the names to look for, behind the counts that are about names
    select 'responses_unpriced' as metric, string_agg(distinct model, ', ' order by model) as found
    from requests
    where not is_priced
    union all
    select 'responses_with_unknown_usage_fields', string_agg(distinct unknown_usage_fields, ', ' order by unknown_usage_fields)
    from requests

)

select
    metrics.metric,
    metrics.value,
    details.detail || coalesce(': ' || examples.found, '') as detail
from metrics
inner join details on metrics.metric = details.metric
left join examples on metrics.metric = examples.metric
