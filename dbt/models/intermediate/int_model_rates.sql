-- Which prices a model met in the transcripts may cost. Which of them it does cost is the day's matter: fct_api_requests picks
-- among those valid on that day by priority, the user's own list first, then the longer pattern.
{{ config(
    materialized='incremental',
    incremental_strategy='by_session',
    meta={'belongs': "model in (select model from touched.int_model_rates)"}
) }}

with named as (

    select model
    from {{ ref('int_api_response_lines') }}
    union
    select unnest({{ usage_iterations('usage') }}).model as model
    from {{ ref('int_api_response_lines') }}
    where contains(cast(usage as varchar), '"advisor_message"')

),

models as (

    select
        model,
        {{ normalised_model('model') }} as normalised_model
    from named
    where model is not null

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
    inner join prices
        on
            (prices.list_rank = 0 or {{ is_plain_model('models.normalised_model') }})
            and len(list_filter(
                {{ model_spellings('models.normalised_model') }},
                lambda spelling: regexp_matches(spelling, prices.model_pattern)
            )) > 0

)

-- A star takes whatever columns another model has, on purpose.
-- noqa: disable=AM04
select * from matched
