-- The price list: the seed, and before it the user's own list where MODEL_PRICES_CSV names one. A table in a layer of views:
-- whoever reads the published database does not have that file.
{{ config(materialized='table') }}

with
{%- set own_prices = var('model_prices_csv', none) or env_var('MODEL_PRICES_CSV', '') %}
listed as (

    select
        *,
        1 as list_rank
    from {{ ref('model_prices') }}
    {%- if own_prices %}
    union all by name
    select
        *,
        0 as list_rank
    from read_csv('{{ own_prices | replace("'", "''") }}', header = true, all_varchar = true)
    {%- endif %}

),

typed as (

    select
        list_rank,
        model_id,
        model_pattern,
        cast(valid_from as date) as valid_from,
        cast(valid_to as date) as valid_to,
        cast(input_usd as double) as input_usd,
        cast(output_usd as double) as output_usd,
        cast(cache_read_usd as double) as cache_read_usd,
        cast(cache_write_5m_usd as double) as cache_write_5m_usd,
        cast(cache_write_1h_usd as double) as cache_write_1h_usd,
        cast(web_search_usd_per_1000 as double) as web_search_usd_per_1000,
        cast(tier_above_tokens as bigint) as tier_above_tokens,
        cast(tier_input_usd as double) as tier_input_usd,
        cast(tier_output_usd as double) as tier_output_usd,
        cast(tier_cache_read_usd as double) as tier_cache_read_usd,
        cast(tier_cache_write_5m_usd as double) as tier_cache_write_5m_usd,
        cast(tier_cache_write_1h_usd as double) as tier_cache_write_1h_usd,
        cast(fast_multiplier as double) as fast_multiplier,
        cast(us_multiplier as double) as us_multiplier,
        cast(batch_multiplier as double) as batch_multiplier,
        source
    from listed

),

keyed as (

    -- every figure is in the key, so a response keeps the key of the very prices it was costed with
    select
        *,
        md5(cast(typed as varchar)) as price_key
    from typed

)

select * from keyed
