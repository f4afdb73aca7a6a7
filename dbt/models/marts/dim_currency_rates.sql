-- What one unit of another currency costs in US dollars, from the setting CURRENCY_RATES.
{{ config(materialized='view') }}

with rates as (

    select * from {{ budget_inputs('rate', {
        'currency': 'VARCHAR', 'valid_from': 'DATE', 'usd_rate': 'DECIMAL(38, 10)'
    }) }}

),

final as (

    select
        {{ surrogate_key(['currency', 'valid_from']) }} as currency_rate_key,
        currency,
        valid_from,
        lead(valid_from) over (partition by currency order by valid_from) as valid_to,
        usd_rate
    from rates

)

select * from final
