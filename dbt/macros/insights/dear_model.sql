{#-
  A whole conversation of a session, or a sub-agent, that a cheaper model could have had: no thinking, short answers, few tool calls, no
  change of a file. The dollars are the difference to the list price of the next cheaper family for the same tokens.
-#}
{%- macro insight_dear_model() -%}
with responses as (
    {{ insight_responses() }}
),

thinking as (
    select
        request_key,
        sum(thinking_block_count) as thinking_blocks
    from {{ ref('fct_messages') }}
    where request_key is not null
    group by request_key
),

calls as (
    select
        session_key,
        agent_key,
        count(*) as calls,
        count(*) filter (where file_operation in ('edit', 'write')) as changes
    from {{ ref('fct_tool_calls') }}
    group by session_key, agent_key
),

families as (
    select
        model,
        {{ normalised_model('model') }} as normalised_model
    from (select distinct model from responses)
),

cheaper as (
    {%- for family, model in var('insight_cheaper_models').items() %}
    select
        '{{ family }}' as family,
        *
    from {{ ref('int_model_prices') }}
    where model_id = '{{ model }}'
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

priced as (
    select
        responses.*,
        thinking.thinking_blocks,
        cheaper.model_id as cheaper_model,
        {{ token_cost('responses.input_tokens', 'cheaper.input_usd') }}
        + {{ token_cost('responses.output_tokens', 'cheaper.output_usd') }}
        + {{ token_cost('responses.cache_read_tokens', 'cheaper.cache_read_usd') }}
        + {{ token_cost('responses.cache_creation_5m_tokens', 'cheaper.cache_write_5m_usd') }}
        + {{ token_cost('responses.cache_creation_1h_tokens', 'cheaper.cache_write_1h_usd') }} as cheaper_usd
    from responses
    inner join families on responses.model = families.model
    inner join cheaper
        on
            contains(families.normalised_model, cheaper.family)
            and {{ price_holds_on('cheaper', 'responses.priced_on') }}
            and coalesce(responses.prompt_tokens <= cheaper.tier_above_tokens, true)
    left join thinking on responses.request_key = thinking.request_key
    qualify row_number() over (partition by responses.request_key order by cheaper.list_rank, cheaper.valid_from desc) = 1
),

threads as (
    select
        session_id,
        session_key,
        agent_key,
        any_value(project_id) as project_id,
        max(requested_at) as occurred_at,
        count(*) as answers,
        string_agg(distinct model, ', ' order by model) as models,
        min(cheaper_model) as cheaper_model,
        sum(prompt_tokens + output_tokens) as tokens,
        sum(thinking_blocks) as thinking_blocks,
        max(coalesce(estimated_output_tokens, output_tokens)) as longest,
        if(count(*) = count(cost_usd), {{ exact_sum('cost_usd - web_search_cost_usd - cheaper_usd') }}, null) as cost_usd
    from priced
    group by session_id, session_key, agent_key
)

select
    'dear_model' as insight_kind,
    threads.session_id,
    threads.session_key,
    threads.project_id,
    threads.agent_key,
    threads.occurred_at,
    threads.models as subject,
    threads.answers as quantity,
    threads.tokens,
    threads.cost_usd,
    {{ counted('threads.answers', 'answer') }} || ' of ' || threads.models || if(threads.agent_key is null, '', ' in a sub-agent')
    || ' without thinking, none longer than ' || {{ counted('threads.longest', 'token') }} || ', with '
    || {{ counted('coalesce(calls.calls, 0)', 'tool call') }} || ' and no file changed; compared with '
    || threads.cheaper_model || '.' as evidence
from threads
left join calls
    on threads.session_key = calls.session_key and coalesce(threads.agent_key, '') = coalesce(calls.agent_key, '')
where
    coalesce(threads.thinking_blocks, 0) = 0
    and threads.longest <= {{ var('insight_short_answer_tokens') }}
    and coalesce(calls.calls, 0) <= {{ var('insight_few_calls') }}
    and coalesce(calls.changes, 0) = 0
{%- endmacro -%}
