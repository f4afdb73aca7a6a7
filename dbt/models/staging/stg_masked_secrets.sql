-- Secrets that the loader masked.
with source as (

    select * from {{ source('raw', 'masked_secrets') }}

),

renamed as (

    select
        document_id,
        kind as secret_kind,
        fingerprint,
        place,
        occurrences as occurrence_count
    from source

)

select * from renamed
