{#-
  A session that went on with other work: after a long pause it touched files, and none of those that it had touched before. Each answer of
  the new work carried the old context, at least at the price of a cached token, until a compaction or the end.
-#}
{%- macro insight_split_session() -%}
with responses as (
    {{ insight_responses() }} and requests.agent_key is null
),

in_order as (
    select
        *,
        lag(prompt_tokens) over thread as tokens_before,
        first_value(prompt_tokens) over thread as first_tokens,
        coalesce(
            date_diff('minute', lag(coalesce(last_line_at, requested_at)) over thread, requested_at)
            >= {{ var('insight_split_pause_minutes') }}, false
        ) as is_after_pause
    from responses
    window thread as (partition by session_key order by requested_at, request_key)
),

parts as (
    select
        *,
        count(*) filter (where is_after_pause) over (
            partition by session_key order by requested_at, request_key
        ) as part
    from in_order
),

files as (
    select
        calls.session_key,
        calls.file_path,
        min(coalesce(pauses.part, 0)) as first_part,
        list_distinct(list(coalesce(pauses.part, 0))) as in_parts
    from {{ ref('fct_tool_calls') }} as calls
    asof left join (select * from parts where is_after_pause) as pauses
        on calls.session_key = pauses.session_key and calls.started_at >= pauses.requested_at
    where calls.file_path is not null
    group by calls.session_key, calls.file_path
),

unrelated as (
    select
        new_parts.session_key,
        new_parts.part
    from (select distinct session_key, unnest(in_parts) as part from files) as new_parts
    inner join files on new_parts.session_key = files.session_key
    group by new_parts.session_key, new_parts.part
    having
        bool_or(files.first_part < new_parts.part)
        and not bool_or(files.first_part < new_parts.part and list_contains(files.in_parts, new_parts.part))
),

carrying as (
    select
        parts.*,
        first_value(parts.tokens_before) over new_part as carried_tokens,
        min(parts.prompt_tokens) over (new_part rows between unbounded preceding and current row) as least_tokens
    from parts
    inner join unrelated on parts.session_key = unrelated.session_key and parts.part = unrelated.part
    window new_part as (partition by parts.session_key, parts.part order by parts.requested_at, parts.request_key)
)

select
    'split_session' as insight_kind,
    any_value(session_id) as session_id,
    session_key,
    any_value(project_id) as project_id,
    cast(null as varchar) as agent_key,
    min(requested_at) as occurred_at,
    cast(part as varchar) as subject,
    count(*) as quantity,
    sum(carried_tokens - first_tokens) as tokens,
    if(count(*) = count(read_usd), {{ exact_sum('(carried_tokens - first_tokens) * read_usd') }}, null) as cost_usd,
    'After a long pause the session went on with other files; ' || {{ counted('count(*)', 'answer') }} || ' carried '
    || {{ counted('any_value(carried_tokens - first_tokens)', 'token') }} || ' of the work before.' as evidence
from carrying
where least_tokens >= carried_tokens and carried_tokens - first_tokens >= {{ var('insight_split_tokens') }}
group by session_key, part
{%- endmacro -%}
