-- What changed after a change, and which part of the bill made the difference: the last weeks against those before, and the weeks around
-- the first use of a model or version and around an edit of CLAUDE.md. From one period to the other the parts are exchanged one after the
-- other, so that they add up to the difference exactly (docs/insights.md).
{{ config(materialized='table') }}

with days as (

    select
        *,
        make_date(date_key // 10000, date_key // 100 % 100, date_key % 100) as day
    from {{ ref('agg_drift_metrics') }}
    where date_key is not null

),

changes as (
    {{ cost_change_events('days') }}
),

sides as (

    select
        changes.*,
        if(days.day < changes.changed_on, 'before', 'after') as side,
        days.* exclude (project_id)
    from changes
    inner join days
        on
            days.day >= changes.changed_on - changes.days
            and days.day < changes.changed_on + changes.days
            and coalesce(changes.project_id = days.project_id, true)

),

totals as (

    select
        change_kind,
        subject,
        changed_on,
        any_value(days) as days,
        any_value(project_id) as project_id,
        {%- for side in ['before', 'after'] %}
        sum(turn_count) filter (where side = '{{ side }}') as turns_{{ side }},
        sum(input_tokens + cache_read_tokens + cache_creation_tokens + output_tokens) filter (where side = '{{ side }}') as tokens_{{ side }},
        sum(error_count) filter (where side = '{{ side }}')
        / nullif(sum(attempt_count) filter (where side = '{{ side }}'), 0) as error_rate_{{ side }},
        sum(response_count - priced_response_count) filter (where side = '{{ side }}') as unpriced_{{ side }},
        sum(web_search_cost_usd) filter (where side = '{{ side }}') as web_search_usd_{{ side }},
        {%- endfor %}
        max(day) as last_day
    from sides
    group by change_kind, subject, changed_on
    having
        coalesce(turns_before, 0) >= {{ var('change_least_prompts') }}
        and coalesce(turns_after, 0) >= {{ var('change_least_prompts') }}

),

-- Tokens and dollars by model and kind of token; what has no price is in none of the figures.
kinds as (

    select
        change_kind,
        subject,
        changed_on,
        model,
        unnest([
            {%- for kind in ['input', 'cache_read', 'cache_creation_5m', 'cache_creation_1h', 'output'] %}
            {
                'kind': '{{ kind }}',
                'is_output': {{ kind == 'output' }},
                {%- for side in ['before', 'after'] %}
                't_{{ side }}': coalesce(sum({{ kind }}_tokens) filter (where side = '{{ side }}'), 0),
                'usd_{{ side }}': coalesce(sum({{ kind | replace('creation', 'write') }}_cost_usd) filter (where side = '{{ side }}'), 0){{ ',' if not loop.last }}
                {%- endfor %}
            }{{ ',' if not loop.last }}
            {%- endfor %}
        ], recursive := true)
    from sides
    where response_count = priced_response_count and response_count > 0
    group by change_kind, subject, changed_on, model

),

factors as (

    select
        kinds.*,
        {%- for side in ['before', 'after'] %}
        sum(t_{{ side }}) over whole / totals.turns_{{ side }} as per_prompt_{{ side }},
        coalesce(sum(t_{{ side }}) over of_model / nullif(sum(t_{{ side }}) over whole, 0), 0) as model_share_{{ side }},
        t_{{ side }} / nullif(sum(t_{{ side }}) over of_model, 0) as known_kind_share_{{ side }},
        usd_{{ side }} / nullif(t_{{ side }}, 0) as known_rate_{{ side }},
        {%- endfor %}
        -- a model or kind of token of one side alone has there its shares and rate, and makes no difference by them
        coalesce(known_kind_share_before, known_kind_share_after, 0) as kind_share_before,
        coalesce(known_kind_share_after, known_kind_share_before, 0) as kind_share_after,
        coalesce(known_rate_before, known_rate_after, 0) as rate_before,
        coalesce(known_rate_after, known_rate_before, 0) as rate_after
    from kinds
    inner join totals using (change_kind, subject, changed_on)
    window
        whole as (partition by kinds.change_kind, kinds.subject, kinds.changed_on, is_output),
        of_model as (partition by kinds.change_kind, kinds.subject, kinds.changed_on, is_output, model)

),

-- US dollars per prompt, with one factor after the other as it was after the change.
exchanged as (

    select
        change_kind,
        subject,
        changed_on,
        {%- set factors = ['per_prompt', 'model_share', 'kind_share', 'rate'] %}
        {%- for name, changed in [('nothing', []), ('context', ['context']), ('output', ['context', 'output']),
            ('models', ['context', 'output', 'model_share']), ('cache', ['context', 'output', 'model_share', 'kind_share']),
            ('prices', ['context', 'output', 'model_share', 'kind_share', 'rate'])] %}
        sum(
            {%- if 'output' in changed %} per_prompt_after {%- elif 'context' in changed %} if(is_output, per_prompt_before, per_prompt_after)
            {%- else %} per_prompt_before {%- endif %}
            {%- for factor in factors[1:] %} * {{ factor }}_{{ 'after' if factor in changed else 'before' }} {%- endfor -%}
        ) as with_{{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from factors
    group by change_kind, subject, changed_on

),

dollars as (

    select
        totals.*,
        {%- for step in ['nothing', 'context', 'output', 'models', 'cache', 'prices'] %}
        cast(with_{{ step }} * totals.turns_after as decimal(28, 10)) as at_{{ step }},
        {%- endfor %}
        cast(with_nothing * totals.turns_before as decimal(28, 10)) as at_start,
        cast(coalesce(web_search_usd_before, 0) as decimal(28, 10)) as searches_before,
        cast(coalesce(web_search_usd_after, 0) as decimal(28, 10)) as searches_after
    from exchanged
    inner join totals using (change_kind, subject, changed_on)

)

select
    {{ surrogate_key(['change_kind', 'subject', 'changed_on', 'project_id']) }} as change_key,
    change_kind,
    subject,
    project_id,
    {{ date_key('changed_on') }} as date_key,
    cast(days as integer) as compared_days,
    {%- for side in ['before', 'after'] %}
    cast(turns_{{ side }} as bigint) as prompts_{{ side }},
    cast(tokens_{{ side }} as bigint) as tokens_{{ side }},
    error_rate_{{ side }},
    cast(unpriced_{{ side }} as bigint) as unpriced_{{ side }},
    {%- endfor %}
    {%- for name, dollars in {
        'cost_before': 'at_start + searches_before', 'cost_after': 'at_prices + searches_after', 'from_prompts': 'at_nothing - at_start',
        'from_context': 'at_context - at_nothing', 'from_output': 'at_output - at_context', 'from_models': 'at_models - at_output',
        'from_cache': 'at_cache - at_models', 'from_prices': 'at_prices - at_cache', 'from_searches': 'searches_after - searches_before'
    }.items() %}
    cast({{ dollars }} as decimal(28, 10)) as {{ name }}_usd{{ ',' if not loop.last }}
    {%- endfor %}
from dollars
