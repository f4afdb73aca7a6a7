-- What changed after a change, and which part of the bill made the difference: the last weeks against those before, and the weeks around
-- the first use of a model or version and around an edit of CLAUDE.md. From one period to the other the factors are exchanged one after the
-- other, so that their parts add up to the difference exactly (docs/insights.md).
{{ config(materialized='table') }}

with days as (

    select
        *,
        make_date(date_key // 10000, date_key // 100 % 100, date_key % 100) as day
    from {{ ref('agg_drift_metrics') }}
    where date_key is not null

),

changes as (

    select
        *,
        {{ surrogate_key(['change_kind', 'subject', 'changed_on', 'project_id']) }} as change_key
    from ({{ cost_change_events('days') }})

),

sides as (

    select
        changes.*,
        if(days.day < changes.changed_on, 'before', 'after') as side,
        days.* exclude (project_id)
    from changes
    inner join days
        on
            days.day >= changes.changed_on - changes.compared_days
            and days.day < changes.changed_on + changes.compared_days
            and coalesce(changes.project_id = days.project_id, true)

),

totals as (

    select
        change_key,
        {{ cost_change_sums() }}
    from sides
    group by change_key
    having
        coalesce(prompts_before, 0) >= {{ var('change_least_prompts') }}
        and coalesce(prompts_after, 0) >= {{ var('change_least_prompts') }}

),

-- Tokens and dollars by model and kind of token; what has no price is in none of the figures.
kinds as (

    select
        change_key,
        model,
        unnest({{ cost_change_kinds() }}, recursive := true)
    from sides
    where response_count = priced_response_count and response_count > 0
    group by change_key, model

),

factors as (

    select
        kinds.*,
        {{ cost_change_factors('before', 'after') }},
        {{ cost_change_factors('after', 'before') }}
    from kinds
    inner join totals on kinds.change_key = totals.change_key
    window
        whole as (partition by kinds.change_key, kinds.is_output),
        of_model as (partition by kinds.change_key, kinds.is_output, kinds.model)

),

-- US dollars per prompt, with one factor after the other as it was after the change.
exchanged as (

    select
        change_key,
        {{ cost_change_steps() }}
    from factors
    group by change_key

),

dollars as (

    select
        totals.*,
        {{ cost_change_dollars() }}
    from exchanged
    inner join totals on exchanged.change_key = totals.change_key

)

select
    changes.change_key,
    changes.change_kind,
    changes.subject,
    changes.project_id,
    {{ date_key('changes.changed_on') }} as date_key,
    cast(changes.compared_days as integer) as compared_days,
    dollars.prompts_before,
    dollars.prompts_after,
    dollars.tokens_before,
    dollars.tokens_after,
    dollars.error_rate_before,
    dollars.error_rate_after,
    dollars.unpriced_before,
    dollars.unpriced_after,
    {{ cost_change_parts('dollars') }}
from dollars
inner join changes on dollars.change_key = changes.change_key
