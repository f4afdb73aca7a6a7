-- Values of lines that no figure can use.
with source as (

    select * from {{ source('raw', 'rejected_values') }}

),

renamed as (

    select
        document_id,
        row_number() over (partition by document_id order by field, kind, found) as value_number,
        field,
        kind,
        found
    from source

)

select * from renamed
