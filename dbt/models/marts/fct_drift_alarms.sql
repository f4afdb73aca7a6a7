-- Days on which a watched figure of a model changed. A day is compared with the model's days before it that had enough to count: by the
-- median of these, and by how far they lie from it. docs/insights.md has the statistic and what a simulation measured of it.
with daily as (

    select
        date_key,
        model,
        max_by(version, (response_count, version)) as version,
        {{ drift_measures() }}
    from {{ ref('agg_drift_metrics') }}
    where date_key is not null
    group by date_key, model

),

figures as (

    {{ drift_figures('daily') }}

),

compared as (

    select
        *,
        count(*) over before as days_before,
        median(value) over before as value_before,
        median(level) over before as level_before,
        greatest(
            {{ var('drift_least_spread') }},
            1.4826 * mad(level) over before,
            (quantile_cont(level, 0.9) over before - quantile_cont(level, 0.1) over before) / 2.5631
        ) as spread,
        lag(version) over series as version_before
    from figures
    window
        series as (partition by metric, model order by date_key),
        before as (series rows between {{ var('drift_days_before') }} preceding and 1 preceding)

),

scored as (

    select
        *,
        (level - level_before) / sqrt(spread * spread + chance) as score,
        lag(score) over series as score_before,
        lag(date_key) over series as day_before
    from compared
    where days_before >= {{ var('drift_least_days') }}
    window series as (partition by metric, model order by date_key)

),

flagged as (

    select
        *,
        sign(score) as direction,
        row_number() over (partition by metric, model order by date_key) as place,
        abs(score) >= {{ var('drift_one_day_score') }} as is_far,
        coalesce(
            abs(score) >= {{ var('drift_two_days_score') }}
            and score_before * sign(score) >= {{ var('drift_two_days_score') }}, false
        ) as is_far_twice
    from scored

),

-- A level that stays is one change, told once.
first_flags as (

    select
        *,
        if(is_far_twice, day_before, date_key) as changed_date_key
    from flagged
    where is_far or is_far_twice
    qualify coalesce(
        place - lag(place) over (partition by metric, model, direction order by date_key), 1000000
    ) > {{ var('drift_least_days') }}

)

select
    {{ surrogate_key(['metric', 'model', 'changed_date_key', 'date_key']) }} as alarm_key,
    metric,
    model,
    changed_date_key as date_key,
    date_key as detected_date_key,
    if(direction > 0, 'up', 'down') as direction,
    value_before,
    value as value_after,
    round(score, 2) as score,
    cast(counted as bigint) as counted,
    cast(days_before as integer) as days_before,
    version_before,
    version as version_after,
    {{ drift_evidence() }} as evidence
from first_flags
