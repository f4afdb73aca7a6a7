-- However many sessions repeat a message, exactly one row of it counts.
{{ config(meta={'reads': 'session'}) }}

select
    copy_key,
    count(*) filter (where not is_copy) as originals
from {{ ref('fct_messages') }}
group by copy_key
having count(*) filter (where not is_copy) != 1
