-- Models that answered, with what they cost today and whether every answer of theirs has a price.
with requests as (

    select * from {{ ref('fct_api_requests') }}

),

rates as (

    select * from {{ ref('int_model_rates') }}

),

models as (

    select
        model,
        min(requested_at) as first_used_at,
        max(requested_at) as last_used_at,
        cast(count(*) as bigint) as response_count,
        cast(count(*) filter (where not is_priced) as bigint) as unpriced_response_count
    from requests
    group by model

),

today as (

    select cast(timezone('UTC', now()) as date) as priced_on

),

todays_rates as (

    select rates.*
    from rates
    inner join today on {{ price_holds_on('rates', 'today.priced_on') }}
    qualify row_number() over (partition by rates.model order by rates.priority) = 1

),

described as (

    select
        models.model,
        {{ normalised_model('models.model') }} as normalised_model,
        todays_rates.model_id as price_model_id,
        regexp_extract({{ normalised_model('models.model') }}, '^claude-(?:[0-9.-]+-)?([a-z]+)', 1) as family,
        case
            when regexp_matches(lower(models.model), '(^|[./:])anthropic\.') then 'bedrock'
            when contains(models.model, '@') then 'vertex'
            when contains(models.model, '/') then 'gateway'
            else 'anthropic'
        end as platform,
        models.unpriced_response_count = 0 as is_priced,
        models.response_count,
        models.unpriced_response_count,
        models.first_used_at,
        models.last_used_at,
        todays_rates.input_usd,
        todays_rates.output_usd,
        todays_rates.cache_read_usd,
        todays_rates.cache_write_5m_usd,
        todays_rates.cache_write_1h_usd,
        todays_rates.source as price_source
    from models
    left join todays_rates on models.model = todays_rates.model

)

select * replace (nullif(family, '') as family) from described
