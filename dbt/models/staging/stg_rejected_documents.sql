-- Lines that could not be flattened.
with source as (

    select * from {{ source('raw', 'rejected_documents') }}

),

renamed as (

    select
        document_id,
        nullif(project_id, '') as project_id,
        nullif(source_file, '') as source_file,
        nullif(host, '') as host,
        byte_offset,
        reason,
        coalesce(nullif({{ without_positions('reason') }}, ''), 'unknown') as reason_kind,
        rejected_at
    from source

)

select * from renamed
