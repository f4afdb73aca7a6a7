-- Lines that stand more than once, with the key that the versions of a line share: the same uuid, or the same content at the same time. A
-- table, for several models read it, and few lines are in it.
{{ config(materialized='incremental', incremental_strategy='by_session') }}

with identities as (

    select * from {{ ref('int_line_identities') }}

),

equal_lines as (

    select * from {{ ref('int_equal_lines') }}

),

repeated_keys as (

    select hash(line_key) as key_hash
    from identities
    group by all
    having count(*) > 1

),

keyed as (

    select
        identities.* exclude (line_key, message_type, message_id),
        coalesce(equal_lines.copy_key, identities.line_key) as copy_key
    from identities
    left join equal_lines on identities.line_key = equal_lines.line_key
    where
        hash(identities.line_key) in (select repeated_keys.key_hash from repeated_keys)
        or equal_lines.line_key is not null
        or identities.line_key in (select merged.copy_key from {{ ref('int_equal_lines') }} as merged)

)

-- A star takes whatever columns another model has, on purpose.
-- noqa: disable=AM04
select * from keyed
