-- Transcript files as the collector last saw them.
with source as (

    select * from {{ source('raw', 'transcript_files') }}

),

renamed as (

    select
        nullif(host, '') as host,
        source_file,
        nullif(project_id, '') as project_folder,
        coalesce(read_bytes, 0) as read_bytes,
        coalesce(lines, 0) as line_count,
        coalesce(dead_letters, 0) as dead_letter_count,
        coalesce(duplicates, 0) as duplicate_count,
        coalesce(nullif(status, ''), 'unknown') as status,
        nullif(error, '') as error,
        modified_at,
        collected_at,
        coalesce(resets, 0) as resets,
        nullif(person, '') as person
    from source
    where not {{ is_prompt_history('source_file') }}

)

select * from renamed
