-- The fact holds what the lines hold: none missing, none left over. Operations of the queue are messages only where no other
-- line repeats them.
{{ config(meta={'reads': 'session'}) }}

select
    lines.document_id as found_in_lines,
    messages.message_key as found_in_fct_messages
from (
    select distinct document_id from {{ ref('stg_messages') }}
    where not is_queue_operation
    union
    select document_id from {{ ref('int_queued_prompts') }}
) as lines
full outer join {{ ref('fct_messages') }} as messages on lines.document_id = messages.message_key
where lines.document_id is null or messages.message_key is null
