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
        rejected_at
    from source

)

select * from renamed
