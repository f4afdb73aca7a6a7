-- The list that we ship has one price for each model and day.
with prices as (

    select * from {{ ref('model_prices') }}

)

select
    earlier.model_id,
    earlier.valid_to,
    later.valid_from
from prices as earlier
inner join prices as later
    on earlier.model_id = later.model_id
    and coalesce(earlier.valid_from, cast('0001-01-01' as date)) < coalesce(later.valid_from, cast('0001-01-01' as date))
where earlier.valid_to is null or earlier.valid_to > later.valid_from
