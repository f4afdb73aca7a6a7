-- Which prices a model met in the transcripts may cost. Which of them it does cost is the day's matter: fct_api_requests picks
-- among those valid on that day by priority, the user's own list first, then the longer pattern.
with models as (

    select distinct model
    from {{ ref('int_api_response_lines') }}

),

prices as (

    select * from {{ ref('int_model_prices') }}

),

matched as (

    select
        models.model,
        prices.*,
        row_number() over (
            partition by models.model
            order by
                prices.list_rank asc,
                length(prices.model_pattern) desc,
                prices.valid_from desc nulls last,
                prices.price_key asc
        ) as priority
    from models
    inner join prices on regexp_matches({{ normalised_model('models.model') }}, prices.model_pattern)

)

select * from matched
