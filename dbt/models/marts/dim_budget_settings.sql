-- What budgets and statements are made with: the day of the figures, the currency beside US dollars, and what is wrong with the files.
{{ config(materialized='view') }}

with settings as (

    select * from {{ budget_inputs('settings', {
        'as_of': 'DATE', 'currency': 'VARCHAR', 'problem': 'VARCHAR', 'rules_digest': 'VARCHAR', 'rules': 'INTEGER',
        'budgets': 'INTEGER'
    }) }}

)

select
    as_of,
    currency,
    problem,
    rules_digest,
    rules as rule_count,
    budgets as budget_count
from settings
