-- Closed statements: each time that a month was closed or restated. Made from files, which no build changes.
{{ config(materialized='view') }}

with versions as (

    select * from {{ budget_inputs('statement', {
        'month': 'DATE', 'version': 'INTEGER', 'closed_at': 'TIMESTAMPTZ', 'reason': 'VARCHAR', 'currency': 'VARCHAR',
        'usd_rate': 'DECIMAL(38, 10)', 'rate_from': 'DATE', 'amount_usd': 'DECIMAL(20, 2)', 'rows': 'INTEGER',
        'rules_digest': 'VARCHAR'
    }) }}

),

today as (

    select
        month_start,
        cast(sum(amount_usd) as decimal(20, 2)) as amount_usd
    from {{ ref('agg_cost_centre_months') }}
    group by month_start

),

final as (

    select
        {{ surrogate_key(['versions.month', 'versions.version']) }} as statement_version_key,
        versions.month as month_start,
        versions.version,
        versions.closed_at,
        versions.reason,
        versions.currency,
        versions.usd_rate,
        versions.rate_from,
        versions.amount_usd,
        versions.rows as row_count,
        versions.rules_digest,
        row_number() over (partition by versions.month order by versions.version desc) = 1 as is_latest,
        coalesce(today.amount_usd, 0) as today_amount_usd,
        coalesce(today.amount_usd, 0) - versions.amount_usd as difference_usd
    from versions
    left join today on versions.month = today.month_start

)

select * from final
