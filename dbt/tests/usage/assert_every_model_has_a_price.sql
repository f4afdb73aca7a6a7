-- A warning only, with its reason: a model newer than the price list is no fault of the data. Its tokens count, its cost is NULL and
-- not 0; `analytics prices`, or a row in MODEL_PRICES_CSV, gives it a price.
{{ config(severity='warn') }}

select
    model,
    unpriced_response_count,
    first_used_at
from {{ ref('dim_models') }}
where not is_priced
