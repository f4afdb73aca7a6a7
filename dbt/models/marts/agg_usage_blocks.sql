-- Five-hour blocks, as subscriptions meter them: a block starts at the full UTC hour of its first response and ends five hours
-- later; the first response after that starts the next one. (A pause of five hours always is past the end.)
with recursive requests as (

    select
        *,
        cast(floor(epoch(requested_at) / 3600) as bigint) as active_hour
    from {{ ref('fct_api_requests') }}
    where requested_at is not null

),

active_hours as (

    -- After a pause of five hours a block starts in any case, so the pauses begin many searches at once.
    select
        active_hour,
        coalesce(active_hour - lag(active_hour) over (order by active_hour) >= 5, true) as is_after_pause
    from (select distinct active_hour from requests)

),

next_starts as materialized (

    -- Where the next block would start if one started in this hour. Materialized, and a window in place of an ASOF join, for
    -- DuckDB 1.5 corrupts its heap when the recursion repeats that join.
    select
        hours.active_hour,
        hours.next_start
    from (
        select
            active_hour,
            min(active_hour) over (
                order by active_hour
                range between 5 following and unbounded following
            ) as next_start
        from active_hours
    ) as hours
    inner join active_hours as following on hours.next_start = following.active_hour
    where not following.is_after_pause

),

starts as (

    select active_hour as block_start
    from active_hours
    where is_after_pause
    union all
    select next_starts.next_start
    from starts
    inner join next_starts on starts.block_start = next_starts.active_hour

),

hours_of_blocks as (

    select
        block_start,
        unnest(range(block_start, block_start + 5)) as active_hour
    from starts

),

blocks as (

    select
        to_timestamp(hours_of_blocks.block_start * 3600) as block_started_at,
        to_timestamp((hours_of_blocks.block_start + 5) * 3600) as block_ends_at,
        min(requests.requested_at) as first_request_at,
        max(requests.requested_at) as last_request_at,
        cast(count(distinct requests.session_id) as bigint) as session_count,
        cast(count(distinct requests.model) as bigint) as model_count,
        {{ usage_measures() }}
    from requests
    inner join hours_of_blocks on requests.active_hour = hours_of_blocks.active_hour
    group by hours_of_blocks.block_start

)

select
    blocks.block_started_at,
    blocks.block_ends_at,
    -- the first response's day: where clocks differ from UTC by half an hour, the full hour may lie on a day without lines
    {{ local_date_key('blocks.first_request_at') }} as date_key,
    blocks.* exclude (block_started_at, block_ends_at)
from blocks
