-- The fact holds each key of the transcripts once, and no key that they do not hold.
{{ config(meta={'reads': 'session'}) }}

with keys as (

    select distinct request_key
    from {{ ref('int_api_response_lines') }}

),

-- without the advisors, whose keys are those of the responses that asked them
facts as (

    select request_key
    from {{ ref('fct_api_requests') }}
    where advised_request_key is null

)

select
    keys.request_key as key_in_lines,
    facts.request_key as key_in_fact
from keys
full outer join facts on keys.request_key = facts.request_key
where keys.request_key is null or facts.request_key is null
