-- Tokens and exact cost by local day, project, branch and model: what cost centres, budgets and statements are made from.
{{ config(materialized='incremental', incremental_strategy='by_day') }}

with requests as (

    select * from {{ of_touched_days(ref('fct_api_requests')) }}

),

daily as (

    select
        {{ surrogate_key(['date_key', 'project_id', 'git_branch', 'model', 'price_key']) }} as branch_usage_key,
        date_key,
        project_id,
        git_branch,
        model,
        price_key,
        {{ statement_measures('1', 'if(is_priced, 0, 1)') }}
    from requests
    group by date_key, project_id, git_branch, model, price_key

)

select * from daily
