-- The statement of each month: of a closed one as it was closed, of any other what today's lines, prices and rules give.
{{ config(materialized='view') }}

with closed as (

    select * from {{ budget_inputs('row', {
        'month': 'DATE', 'version': 'INTEGER', 'team': 'VARCHAR', 'cost_centre': 'VARCHAR', 'project_id': 'VARCHAR',
        'project_name': 'VARCHAR', 'model': 'VARCHAR', 'response_count': 'BIGINT', 'unpriced_response_count': 'BIGINT',
        'input_tokens': 'BIGINT', 'output_tokens': 'BIGINT', 'cache_read_tokens': 'BIGINT',
        'cache_creation_tokens': 'BIGINT', 'cost_usd': 'DECIMAL(38, 10)', 'amount_usd': 'DECIMAL(20, 2)'
    }) }}

),

months as (

    select
        month_start,
        version
    from {{ ref('fct_statement_versions') }}
    where is_latest

),

statements as (

    select
        {{ surrogate_key(['closed.month', 'closed.team', 'closed.cost_centre', 'closed.project_id', 'closed.model']) }}
            as statement_row_key,
        closed.month as month_start,
        closed.* exclude (month)
    from closed
    inner join months on closed.month = months.month_start and closed.version = months.version
    union all by name
    select
        *,
        null as version
    from {{ ref('agg_cost_centre_months') }}
    where month_start not in (select months.month_start from months)

),

final as (

    select
        statement_row_key,
        month_start,
        team,
        cost_centre,
        project_id,
        project_name,
        model,
        version,
        version is not null as is_closed,
        response_count,
        unpriced_response_count,
        input_tokens,
        output_tokens,
        cache_read_tokens,
        cache_creation_tokens,
        cost_usd,
        amount_usd
    from statements

)

select * from final
