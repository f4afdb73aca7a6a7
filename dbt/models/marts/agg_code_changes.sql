{{ config(materialized='incremental', incremental_strategy='by_day') }}

with operations as (

    select * from {{ of_touched_days(ref('fct_file_operations')) }}
    where is_change and date_key is not null

),

final as (

    select
        {{ surrogate_key(['date_key', 'project_id', 'language']) }} as code_change_key,
        date_key,
        project_id,
        language,
        count(*) as change_count,
        count(*) filter (where operation = 'create') as created_file_count,
        count(distinct file_path) as changed_file_count,
        count(distinct session_id) as session_count,
        coalesce({{ count_sum('lines_added') }}, 0) as lines_added,
        coalesce({{ count_sum('lines_removed') }}, 0) as lines_removed
    from operations
    group by date_key, project_id, language

)

select * from final
