-- How completely lines, tools and calls were understood: what was counted, of how many. A metric's total row has no detail.
with lines as (

    select * from {{ ref('stg_conversations') }}
    where block_index = 0

),

files as (

    select * from {{ ref('stg_transcript_files') }}

),

dead_letters as (

    select * from {{ ref('stg_dead_letters') }}

),

calls as (

    select * from {{ ref('fct_tool_calls') }}

),

line_total as (

    select
        count(*) as documents,
        count(*) filter (where event_at is null) as without_time,
        count(*) filter (where session_id is null) as without_session
    from lines

),

file_total as (

    select
        cast(coalesce(sum(line_count), 0) as bigint) as read_lines,
        cast(coalesce(sum(duplicate_count), 0) as bigint) as duplicates,
        count(*) as files,
        count(*) filter (where status != 'ok') as files_not_ok
    from files

),

counted as (

    select 'lines_kept' as metric, null::varchar as detail, null::varchar as version, documents as affected, read_lines as total
    from line_total, file_total
    union all
    select 'duplicate_lines_merged', null, null, duplicates, read_lines
    from file_total
    union all
    select 'lines_set_aside', dead_letters.reason, null, count(*), any_value(file_total.read_lines)
    from dead_letters, file_total
    group by dead_letters.reason
    union all
    select 'lines_set_aside', null, null, (select count(*) from dead_letters), read_lines
    from file_total
    union all
    select 'files_not_read', null, null, files_not_ok, files
    from file_total
    union all
    select 'lines_without_time', null, null, without_time, documents
    from line_total
    union all
    select 'lines_without_session', null, null, without_session, documents
    from line_total
    union all
    select 'lines_copied_from_earlier_sessions', null, null, count(*) filter (where is_copy), count(*)
    from {{ ref('fct_messages') }}
    union all
    select 'unknown_line_types', null, null, count(*), (select documents from line_total)
    from lines
    where {{ is_unknown_line_type('line_type') }}
    union all
    select 'unknown_line_types', coalesce(line_type, '(none)'), coalesce(version, '(none)'), count(*), (select documents from line_total)
    from lines
    where {{ is_unknown_line_type('line_type') }}
    group by coalesce(line_type, '(none)'), coalesce(version, '(none)')
    union all
    select 'unknown_tools', null, null, count(*), (select count(*) from calls)
    from calls
    where {{ is_unknown_tool('tool_name') }}
    union all
    select 'unknown_tools', tool_name, null, count(*), (select count(*) from calls)
    from calls
    where {{ is_unknown_tool('tool_name') }}
    group by tool_name
    union all
    select 'tool_calls_without_result', null, null, count(*) filter (where not is_complete), count(*)
    from calls
    union all
    select 'tool_calls_only_in_progress_lines', null, null, count(*) filter (where is_progress_only), count(*)
    from calls
    union all
    select 'tool_results_without_call', null, null, count(distinct tool_use_id), (select count(*) from calls)
    from {{ ref('stg_tool_calls') }}
    where block_kind = 'result' and tool_use_id not in (select tool_call_key from calls)
    union all
    select 'changes_without_patch', null, null, count(*) filter (where lines_added is null), count(*)
    from {{ ref('fct_file_operations') }}
    where is_change

),

final as (

    select
        {{ surrogate_key(['metric', 'detail', 'version']) }} as data_quality_key,
        metric,
        detail,
        version,
        cast(affected as bigint) as affected,
        cast(total as bigint) as total,
        affected / nullif(total, 0) as share
    from counted

)

select * from final
