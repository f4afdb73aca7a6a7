-- Lines are counted from the patches of the calls, and each call's once.
{{ config(meta={'reads': 'day'}) }}

with expected as (

    select
        count(*) as changes,
        coalesce(sum(lines_added), 0) as lines_added,
        coalesce(sum(lines_removed), 0) as lines_removed
    from {{ ref('fct_tool_calls') }}
    where
        file_operation in ('edit', 'write')
        and outcome = 'success'
        and file_path is not null
        and date_key is not null

),

found as (

    select
        coalesce(sum(change_count), 0) as changes,
        coalesce(sum(lines_added), 0) as lines_added,
        coalesce(sum(lines_removed), 0) as lines_removed
    from {{ ref('agg_code_changes') }}

)

select
    expected.changes,
    found.changes as found_changes,
    expected.lines_added,
    found.lines_added as found_lines_added,
    expected.lines_removed,
    found.lines_removed as found_lines_removed
from expected
cross join found
where
    (expected.changes, expected.lines_added, expected.lines_removed)
    is distinct from (found.changes, found.lines_added, found.lines_removed)
