-- What today's lines, prices and rules would change in a closed statement, by row and cause: what a restatement would list. A branch of a
-- project that another cost centre pays for now leaves one row and joins another with all that was closed; what its cost has changed since
-- comes on top.
{{ config(materialized='view') }}

with paired as (

    select * from {{ ref('int_statement_pairs') }}

),

changes as (

    select
        month_start,
        unnest([closed_to, today_to]) as row_of,
        project_id,
        model,
        'cost centre' as cause,
        unnest([-closed_responses, closed_responses]) as responses,
        unnest([-closed_tokens, closed_tokens]) as tokens,
        unnest([-closed_usd, closed_usd]) as usd
    from paired
    where closed_to is distinct from today_to and closed_to is not null and today_to is not null
    union all
    select
        month_start,
        coalesce(today_to, closed_to) as row_of,
        project_id,
        model,
        case
            when responses = 0 and tokens = 0 then 'prices'
            when closed_prices is not null and today_prices is not null and closed_prices != today_prices
                then 'lines and prices'
            else 'lines'
        end as cause,
        responses,
        tokens,
        usd
    from paired
    where responses != 0 or tokens != 0 or usd != 0

),

listed as (

    select
        month_start,
        row_of.team,
        row_of.cost_centre,
        project_id,
        model,
        cause,
        cast(sum(responses) as bigint) as response_difference,
        sum(tokens) as token_difference,
        {{ decimal_sum('usd') }} as cost_difference_usd
    from changes
    group by all

),

final as (

    select
        {{ surrogate_key([
            'listed.month_start', 'listed.team', 'listed.cost_centre', 'listed.project_id', 'listed.model', 'listed.cause'
        ]) }} as statement_difference_key,
        listed.*,
        coalesce(projects.project_name, listed.project_id) as project_name
    from listed
    left join {{ ref('dim_projects') }} as projects on listed.project_id = projects.project_id

)

select * from final
