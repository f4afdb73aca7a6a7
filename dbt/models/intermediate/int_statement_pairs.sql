-- Of each closed month what a branch of a project was closed at, beside what today's lines, prices and rules give.
with latest as (

    select
        month_start,
        version
    from {{ ref('fct_statement_versions') }}
    where is_latest

),

closed as (

    select * from {{ budget_inputs('source', {
        'month': 'DATE', 'version': 'INTEGER', 'project_id': 'VARCHAR', 'git_branch': 'VARCHAR', 'model': 'VARCHAR',
        'price_keys': 'VARCHAR', 'team': 'VARCHAR', 'cost_centre': 'VARCHAR', 'response_count': 'BIGINT',
        'total_tokens': 'HUGEINT', 'cost_usd': 'DECIMAL(38, 10)'
    }) }}

),

sides as (

    select
        false as is_today,
        closed.month as month_start,
        closed.* exclude (month, version)
    from closed
    inner join latest on closed.month = latest.month_start and closed.version = latest.version
    union all by name
    select
        true as is_today,
        days.month_start,
        usage.project_id,
        usage.git_branch,
        usage.model,
        string_agg(distinct usage.price_key, ' ' order by usage.price_key) as price_keys,
        any_value(sources.team) as team,
        any_value(sources.cost_centre) as cost_centre,
        sum(usage.response_count) as response_count,
        sum(
            cast(usage.input_tokens as hugeint) + usage.output_tokens + usage.cache_read_tokens
            + usage.cache_creation_tokens
        ) as total_tokens,
        {{ decimal_sum('usage.cost_usd') }} as cost_usd
    from {{ ref('agg_branch_usage') }} as usage
    inner join {{ ref('dim_cost_sources') }} as sources
        on
            usage.project_id is not distinct from sources.project_id
            and usage.git_branch is not distinct from sources.git_branch
    inner join {{ ref('dim_date') }} as days on usage.date_key = days.date_key
    where days.month_start in (select latest.month_start from latest)
    group by days.month_start, usage.project_id, usage.git_branch, usage.model

),

paired as (

    select
        month_start,
        project_id,
        git_branch,
        model,
        max(struct_pack(team := team, cost_centre := cost_centre)) filter (where not is_today) as closed_to,
        max(struct_pack(team := team, cost_centre := cost_centre)) filter (where is_today) as today_to,
        max(price_keys) filter (where not is_today) as closed_prices,
        max(price_keys) filter (where is_today) as today_prices,
        coalesce(sum(response_count) filter (where not is_today), 0) as closed_responses,
        coalesce(sum(total_tokens) filter (where not is_today), 0) as closed_tokens,
        coalesce(sum(cost_usd) filter (where not is_today), 0) as closed_usd,
        sum(if(is_today, response_count, -response_count)) as responses,
        sum(if(is_today, total_tokens, -total_tokens)) as tokens,
        coalesce(sum(if(is_today, cost_usd, -cost_usd)), 0) as usd
    from sides
    group by month_start, project_id, git_branch, model

)

select * from paired
