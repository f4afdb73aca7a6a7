-- How far the usage figures can be trusted: one row per metric, with what it means. Long, for each metric is spelt out.
with requests as (

    select * from {{ ref('fct_api_requests') }}

),

reporting_sessions as (

    select * from {{ ref('agg_session_usage') }}
    where reported_cost_usd is not null

),

silent_messages as (

    select distinct message_id
    from {{ ref('stg_messages') }}
    where
        message_type = 'assistant'
        and block_index = 0
        and message_id is not null
        and model is distinct from '<synthetic>'
        and not is_api_error
        and usage is null
        and message_id not in (
            select requests.message_id from requests
            where requests.message_id is not null
        )

),

-- The names to look for, behind the counts that are about names
names as (

    select
        array_to_string(list_sort(list(distinct model) filter (where not is_priced)), ', ') as unpriced_models,
        array_to_string(list_sort(list(distinct unknown_usage_fields)), ', ') as unknown_fields
    from requests

),

counted as (

    select
        count(*) as responses,
        coalesce(sum(line_count), 0) - count(*) as response_lines_merged,
        count(*) filter (where session_count > 1) as responses_in_several_sessions,
        count(*) filter (where is_progress_only) as responses_only_in_progress,
        count(*) filter (where not is_finalized) as responses_unfinalized,
        round(count(*) filter (where not is_finalized) / nullif(count(*), 0), 6) as share_unfinalized,
        coalesce(sum(output_tokens) filter (where not is_finalized), 0) as output_tokens_unfinalized,
        coalesce(sum(estimated_output_tokens), 0) as output_tokens_estimated,
        count(advised_request_key) as advisor_responses,
        count(*) filter (where not is_priced) as responses_unpriced,
        count(*) filter (where message_id is null) as responses_without_message_id,
        count(*) filter (where request_id is null) as responses_without_request_id,
        count(*) filter (where requested_at is null) as responses_without_time,
        count(*) filter (where lacks_cache_split) as responses_without_cache_split,
        count(unknown_usage_fields) as responses_with_unknown_usage_fields,
        coalesce(sum(extra_attempt_count), 0) as extra_attempts,
        coalesce(sum(extra_attempt_tokens), 0) as extra_attempt_tokens
    from requests

),

reported as (

    select
        count(*) as sessions_with_reported_cost,
        coalesce({{ exact_sum('reported_cost_usd') }}, 0) as reported_cost_usd,
        coalesce({{ exact_sum('coalesce(cost_usd, 0) - reported_cost_usd') }}, 0) as reported_cost_difference_usd
    from reporting_sessions

),

metrics as (

    select
        'responses' as metric,
        cast(responses as double) as value,
        'API responses, each counted once' as detail
    from counted
    union all
    select
        'response_lines_merged' as metric,
        cast(response_lines_merged as double) as value,
        'Further lines of the same responses, which a naive sum counts again' as detail
    from counted
    union all
    select
        'responses_in_several_sessions' as metric,
        cast(responses_in_several_sessions as double) as value,
        'Responses that several sessions hold; they count for the session that did not copy them' as detail
    from counted
    union all
    select
        'responses_only_in_progress' as metric,
        cast(responses_only_in_progress as double) as value,
        'Sub-agent responses that exist in progress lines alone' as detail
    from counted
    union all
    select
        'responses_unfinalized' as metric,
        cast(responses_unfinalized as double) as value,
        'Responses without a stop reason; their output tokens are at least what is counted' as detail
    from counted
    union all
    select
        'share_unfinalized' as metric,
        coalesce(share_unfinalized, 0) as value,
        'Their share of all responses, 0 to 1' as detail
    from counted
    union all
    select
        'output_tokens_unfinalized' as metric,
        cast(output_tokens_unfinalized as double) as value,
        'Output tokens counted for those responses, a lower bound' as detail
    from counted
    union all
    select
        'output_tokens_estimated' as metric,
        cast(output_tokens_estimated as double) as value,
        'Output tokens of those responses by their visible text, one for {{ var("characters_per_token") }} characters;'
        || ' in no other figure' as detail
    from counted
    union all
    select
        'advisor_responses' as metric,
        cast(advisor_responses as double) as value,
        'Responses of a model that was asked within another''s response (usage.iterations)' as detail
    from counted
    union all
    select
        'responses_unpriced' as metric,
        cast(responses_unpriced as double) as value,
        'Responses whose cost is not known'
        || coalesce(': ' || (select unpriced_models from names), '') as detail
    from counted
    union all
    select
        'responses_without_message_id' as metric,
        cast(responses_without_message_id as double) as value,
        'Lines with a usage and no message id, each counted as a response' as detail
    from counted
    union all
    select
        'responses_without_request_id' as metric,
        cast(responses_without_request_id as double) as value,
        'Responses through gateways that give no request id' as detail
    from counted
    union all
    select
        'responses_without_time' as metric,
        cast(responses_without_time as double) as value,
        'Responses that belong to no day' as detail
    from counted
    union all
    select
        'responses_without_cache_split' as metric,
        cast(responses_without_cache_split as double) as value,
        'Cache writes without a lifetime, counted as five minutes' as detail
    from counted
    union all
    select
        'responses_with_unknown_usage_fields' as metric,
        cast(responses_with_unknown_usage_fields as double) as value,
        'Responses whose usage has fields that no figure reads'
        || coalesce(': ' || (select unknown_fields from names), '') as detail
    from counted
    union all
    select
        'extra_attempts' as metric,
        cast(extra_attempts as double) as value,
        'Attempts besides the answer (usage.iterations), as after a fallback; in no other figure' as detail
    from counted
    union all
    select
        'extra_attempt_tokens' as metric,
        cast(extra_attempt_tokens as double) as value,
        'Tokens of those attempts; in no other figure, for nobody says whether they are billed' as detail
    from counted
    union all
    select
        'messages_without_usage' as metric,
        cast(count(*) as double) as value,
        'Answers that report no usage at all; in no figure of tokens or cost' as detail
    from silent_messages
    union all
    select
        'sessions_with_reported_cost' as metric,
        cast(sessions_with_reported_cost as double) as value,
        'Sessions whose cost Claude Code reported itself (cost-state)' as detail
    from reported
    union all
    select
        'reported_cost_usd' as metric,
        cast(reported_cost_usd as double) as value,
        'What Claude Code reported for those sessions' as detail
    from reported
    union all
    select
        'reported_cost_difference_usd' as metric,
        cast(reported_cost_difference_usd as double) as value,
        'What these figures say for those sessions, minus what Claude Code reported' as detail
    from reported

)

select
    *,
    case metric
        when 'responses_unfinalized' then 'Output tokens'
        when 'messages_without_usage' then 'Tokens and cost'
        when 'responses_unpriced' then 'Cost'
        when 'responses_without_cache_split' then 'Cost'
        when 'extra_attempt_tokens' then 'Cost'
        when 'responses_without_time' then 'Tokens and cost by day'
    end as figure
from metrics
