-- Cost centres, budgets, rates, remotes and closed statements, which the scheduler reads from files: one JSON object a row.
{{ config(pre_hook="{{ scheduler_table('budget_inputs') }}") }}

with source as (

    select * from {{ source('scheduler', 'budget_inputs') }}

),

renamed as (

    select
        kind,
        item
    from source

)

select * from renamed
