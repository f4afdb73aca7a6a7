{{ config(materialized='incremental', incremental_strategy='by_session') }}

with calls as (

    select * from {{ ref('fct_tool_calls') }}
    where file_path is not null

),

languages as (

    select * from {{ ref('file_languages') }}

),

named as (

    select
        *,
        regexp_extract(replace(file_path, chr(92), '/'), '[^/]+/*$') as file_name
    from calls

),

extended as (

    select
        *,
        case
            when lower(file_name) in ('dockerfile', 'makefile') then lower(file_name)
            else nullif(lower(regexp_extract(file_name, '[^.]\.([A-Za-z0-9_+-]{1,12})$', 1)), '')
        end as file_extension
    from named

),

final as (

    select
        extended.tool_call_key as file_operation_key,
        extended.tool_call_key,
        extended.session_id,
        extended.session_key,
        extended.project_id,
        extended.agent_key,
        extended.tool_name,
        extended.is_subagent,
        extended.started_at,
        extended.date_key,
        extended.file_path,
        extended.file_name,
        extended.file_extension,
        coalesce(languages.language, 'Other') as language,
        case
            when extended.file_operation = 'write' and extended.result_type = 'create' then 'create'
            when extended.file_operation = 'write' and extended.result_type = 'update' then 'overwrite'
            else coalesce(extended.file_operation, 'other')
        end as operation,
        coalesce(extended.file_operation in ('edit', 'write'), false) and extended.outcome = 'success' as is_change,
        extended.outcome,
        extended.lines_added,
        extended.lines_removed
    from extended
    left join languages on extended.file_extension = languages.file_extension

)

select * from final
