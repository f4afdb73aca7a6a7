-- What people typed, from Claude Code's history of prompts: it outlives the transcripts. Commands are left out. What was pasted stands as a
-- placeholder in the text; only what comes before the first one can be compared.
with source as (

    select * from {{ source('raw', 'conversations') }}
    where {{ is_prompt_history('source_file') }} and block_index = 0

),

renamed as (

    select
        document_id,
        load_id,
        nullif(host, '') as host,
        source_file,
        byte_offset,
        nullif(session_id, '') as session_id,
        {{ folded_path("rtrim(attributes ->> '$.project', '/' || chr(92))") }} as directory,
        {{ trimmed_text('block_text') }} as prompt_text,
        regexp_extract(
            block_text, '(?s)^\s*(.*?)\s*(\[(Pasted text|Image|\.\.\.Truncated text) #|$)', 1
        ) as text_before_pasted,
        regexp_matches(block_text, '\[(Pasted text|Image|\.\.\.Truncated text) #') as has_pasted,
        kept_facts,
        event_at,
        {{ local_date('event_at') }} as event_date
    from source
    where {{ within_dates('event_at') }}

)

select * from renamed
where {{ kept_or('is_prompt', is_typed_prompt('prompt_text'), 'boolean') }}
