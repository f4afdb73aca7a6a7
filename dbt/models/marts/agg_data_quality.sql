-- How completely lines, tools and calls were understood: what was counted, of how many. A metric's total row names no item.
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

    select 'lines_kept' as metric, null::varchar as item, null::varchar as version, documents as value, read_lines as total
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

described as (

    select * from (values
        ('lines_kept', 'Lines that are in the figures, of the lines read'),
        ('duplicate_lines_merged', 'Lines that were there already and count once'),
        ('lines_set_aside', 'Lines that could not be parsed; kept with file, offset and reason'),
        ('files_not_read', 'Transcript files that are gone or could not be read at the last look'),
        ('lines_without_time', 'Lines that carry no time and so belong to no day'),
        ('lines_without_session', 'Lines that name no session and so belong to none'),
        ('lines_copied_from_earlier_sessions', 'Messages that a fork or a resumed session repeats; they count in the earliest session'),
        ('unknown_line_types', 'Lines of a type that this version does not know; kept, in no figure of messages'),
        ('unknown_tools', 'Calls of tools without a category; counted like any other under category other'),
        ('tool_calls_without_result', 'Calls that were interrupted or still ran; never counted as a success'),
        ('tool_calls_only_in_progress_lines', 'Calls of sub-agents that exist in progress lines alone'),
        ('tool_results_without_call', 'Results whose call is in no line; in no figure'),
        ('changes_without_patch', 'Changes to files whose lines added and removed are not known')
    ) as described (metric, detail)

),

measured as (

    select
        counted.metric,
        counted.item,
        counted.version,
        cast(counted.value as double) as value,
        cast(counted.total as double) as total,
        described.detail
    from counted
    inner join described on counted.metric = described.metric
    union all
    select
        metric,
        null as item,
        null as version,
        cast(value as double) as value,
        null as total,
        detail
    from {{ ref('agg_usage_quality') }}

),

final as (

    select
        {{ surrogate_key(['metric', 'item', 'version']) }} as data_quality_key,
        metric,
        item,
        version,
        value,
        total,
        value / nullif(total, 0) as share,
        detail
    from measured

)

select * from final
