-- Lines that could not be parsed.
with source as (

    select * from {{ source('raw', 'dead_letters') }}

),

renamed as (

    select
        document_id as dead_letter_id,
        nullif(project_id, '') as project_folder,
        nullif(source_file, '') as source_file,
        nullif(host, '') as host,
        byte_offset,
        line_bytes,
        coalesce(nullif(reason, ''), 'unknown') as reason,
        -- the reason without the place in the line, which differs from line to line
        coalesce(nullif({{ without_positions('reason') }}, ''), 'unknown') as reason_kind,
        ingested_at
    from source

)

select * from renamed
