{#-
  A main conversation that went on far beyond the context at which ordinary windows compact: what the tokens beyond it cost at least
  price a prompt's token has, less the compactions that would have kept them out.
-#}
{%- macro insight_far_context() -%}
with responses as (
    {{ insight_responses() }} and requests.agent_key is null
),

threads as (
    select
        session_id,
        session_key,
        any_value(project_id) as project_id,
        max(requested_at) as occurred_at,
        count(*) as far_responses,
        max(prompt_tokens) as most_tokens,
        sum(prompt_tokens - {{ var('insight_far_context_tokens') }}) as beyond_tokens,
        if(count(*) = count(read_usd), {{ exact_sum("(prompt_tokens - " ~ var('insight_far_context_tokens') ~ ") * read_usd") }}, null)
            as beyond_usd,
        -- a compaction reads the context once, writes a summary, and the next prompt brings the summary in
        ceil(max(prompt_tokens) / {{ var('insight_far_context_tokens') }} - 1) * (
            {{ var('insight_far_context_tokens') }} * max(read_usd)
            + {{ var('insight_summary_tokens') }} * (max(output_cost_usd / nullif(output_tokens, 0)) + coalesce(max(write_usd), 0))
        ) as compaction_usd
    from responses
    where prompt_tokens > {{ var('insight_far_context_tokens') }}
    group by session_id, session_key
)

select
    'far_context' as insight_kind,
    session_id,
    session_key,
    project_id,
    cast(null as varchar) as agent_key,
    occurred_at,
    '' as subject,
    far_responses as quantity,
    beyond_tokens as tokens,
    beyond_usd - compaction_usd as cost_usd,
    {{ counted('far_responses', 'answer') }} || ' with more than ' || {{ counted(var('insight_far_context_tokens'), 'token') }}
    || ' of context, the longest with ' || {{ counted('most_tokens', 'token') }} || '.' as evidence
from threads
where far_responses >= {{ var('insight_far_context_responses') }}
{%- endmacro -%}
