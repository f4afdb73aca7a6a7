-- However many sessions repeat a message, exactly one row of it counts.
select
    uuid,
    count(*) filter (where not is_copy) as originals
from {{ ref('fct_messages') }}
where uuid is not null
group by uuid
having count(*) filter (where not is_copy) != 1
