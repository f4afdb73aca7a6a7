-- The list that we ship has one price for each model and day.
with prices as (

    select
        model_id,
        valid_to,
        coalesce(valid_from, '-infinity') as valid_from
    from {{ ref('model_prices') }}

)

select
    earlier.model_id,
    earlier.valid_to,
    later.valid_from
from prices as earlier
inner join prices as later
    on earlier.model_id = later.model_id and earlier.valid_from < later.valid_from
where earlier.valid_to is null or earlier.valid_to > later.valid_from
