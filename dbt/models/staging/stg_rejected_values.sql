-- Values of lines that no figure can use.
with source as (

    select * from {{ source('raw', 'rejected_values') }}

),

renamed as (

    select
        document_id,
        field,
        kind,
        found
    from source

)

select * from renamed
