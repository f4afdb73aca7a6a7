-- How completely lines, tools and calls were understood: what was counted, of how many. A metric's total row names no item; the fifth
-- word names the figures that are incomplete because of it.
{%- set metrics = [
    ('lines_kept', 'documents', 'read_lines', 'Lines that are in the figures, of the lines read'),
    ('duplicate_lines_merged', 'duplicates', 'read_lines', 'Lines that were there already and count once'),
    ('lines_set_aside', 'dead_letters', 'read_lines', 'Lines that could not be parsed, kept with file, offset and reason',
     'Everything in these lines'),
    ('lines_rejected', 'rejected_documents', 'read_lines', 'Lines that could be parsed and not be read any further. They are in no figure',
     'Everything in these lines'),
    ('values_rejected', 'rejected_values', 'documents',
     'Values that no figure can use, such as a negative count. Each counts as not recorded; of how many lines',
     'Figures from these fields'),
    ('secrets_masked', 'masked_secrets', 'documents',
     'Different secrets, masked before they reached Iceberg wherever they stood; listed by session below'),
    ('files_not_read', 'files_not_ok', 'files', 'Transcript files that are gone or could not be read at the last look'),
    ('lines_without_time', 'lines_without_time', 'documents', 'Lines that carry no time and so belong to no day'),
    ('lines_without_session', 'lines_without_session', 'documents', 'Lines that name no session and so belong to none'),
    ('lines_copied_from_earlier_sessions', 'copies', 'messages',
     'Messages that a fork, a resumed session or a progress line repeats. They count where they stood first'),
    ('unknown_line_types', 'unknown_lines', 'documents',
     'Lines of a type that this version does not know. They are kept, and change no figure of messages'),
    ('unknown_tools', 'unknown_calls', 'calls', 'Calls of tools without a category. They count like any other, as category other'),
    ('tool_calls_without_result', 'incomplete_calls', 'calls', 'Calls that were interrupted or still ran, never counted as a success',
     'Durations and success of tools'),
    ('tool_calls_only_in_progress_lines', 'progress_calls', 'calls', 'Calls of sub-agents that exist in progress lines alone'),
    ('tool_results_without_call', 'unclaimed_results', 'calls', 'Results whose call is in no line. They are in no figure',
     'Tool calls'),
    ('agents_without_transcript', 'unseen_agents', 'agents',
     'Sub-agents of which no line is there: what they did is not known, only what their call reported',
     'Work of sub-agents'),
    ('agent_tokens_without_transcript', 'unseen_tokens', 'reported_tokens',
     'Tokens that calls reported for those sub-agents, of all tokens reported so. They are in no other figure',
     'Tokens and cost'),
    ('commits_not_recorded', 'silent_commits', 'commit_calls',
     'Commands that committed or opened a pull request, of which neither Claude Code nor the output tells more',
     'Commits and pull requests'),
    ('unknown_languages', 'unknown_language_changes', 'changes',
     'Changes to files whose extension the list of languages does not know. They count as language Other'),
    ('changes_without_patch', 'unpatched', 'changes', 'Changes to files whose lines added and removed are not known',
     'Lines added and removed'),
    ('prompts_without_transcript', 'remembered_prompts', 'prompts',
     'Prompts that only the history of prompts still tells of: their transcripts were deleted before they were collected',
     'Answers, tokens and tool calls'),
] %}

with lines as (

    select * from {{ ref('int_line_counts') }}

),

calls as (

    select
        *,
        {{ is_unknown_tool('tool_name') }} as is_unknown
    from {{ ref('fct_tool_calls') }}

),

line_totals as (

    select
        coalesce(sum(line_count), 0) as documents,
        coalesce(sum(timeless_line_count), 0) as lines_without_time,
        coalesce(sum(line_count) filter (where session_id is null), 0) as lines_without_session,
        coalesce(sum(line_count) filter (where is_unknown), 0) as unknown_lines
    from lines

),

call_totals as (

    select
        count(*) as calls,
        count(*) filter (where is_unknown) as unknown_calls,
        count(*) filter (where not is_complete) as incomplete_calls,
        count(*) filter (where is_progress_only) as progress_calls,
        count(*) filter (where {{ is_silent_commit() }} or {{ is_silent_pull_request() }}) as silent_commits,
        count(*) filter (where outcome = 'success' and (git_output is not null or git_operation is not null))
            as commit_calls
    from calls

),

-- A machine that got another name read its files once more under it; "." stands for the folder itself.
files as (

    select
        source_file,
        bool_and(status != 'ok') as is_not_ok,
        max(line_count) as line_count,
        min(duplicate_count) as duplicate_count
    from {{ ref('stg_transcript_files') }}
    where source_file != '.'
    group by source_file

),

file_totals as (

    select
        count(*) as files,
        count(*) filter (where is_not_ok) as files_not_ok,
        coalesce(sum(line_count), 0) as read_lines,
        coalesce(sum(duplicate_count), 0) as duplicates
    from files

),

dead_letter_totals as (

    select count(*) as dead_letters
    from {{ ref('stg_dead_letters') }}

),

rejected_totals as (

    select
        (select count(*) from {{ ref('stg_rejected_documents') }}) as rejected_documents,
        (select count(*) from {{ ref('stg_rejected_values') }}) as rejected_values

),

secret_totals as (

    select count(distinct fingerprint) as masked_secrets
    from {{ ref('fct_masked_secrets') }}

),

message_totals as (

    select
        count(*) as messages,
        count(*) filter (where is_copy) as copies
    from {{ ref('fct_messages') }}

),

change_totals as (

    select
        count(*) as changes,
        count(*) filter (where lines_added is null) as unpatched,
        count(*) filter (where language = 'Other') as unknown_language_changes
    from {{ ref('fct_file_operations') }}
    where is_change

),

agent_totals as (

    select
        count(*) as agents,
        count(*) filter (where not has_own_lines) as unseen_agents,
        coalesce(sum(reported_total_tokens), 0) as reported_tokens,
        coalesce(sum(reported_total_tokens) filter (where not has_own_lines), 0) as unseen_tokens
    from {{ ref('dim_agents') }}

),

result_totals as (

    select count(*) as unclaimed_results
    from {{ ref('int_unclaimed_results') }}

),

prompt_totals as (

    select
        count(*) as prompts,
        count(*) filter (where provenance = 'history') as remembered_prompts
    from {{ ref('fct_prompts') }}

),

totals as (

    select *
    from line_totals
    cross join call_totals
    cross join file_totals
    cross join dead_letter_totals
    cross join rejected_totals
    cross join secret_totals
    cross join message_totals
    cross join change_totals
    cross join result_totals
    cross join agent_totals
    cross join prompt_totals

),

whole as (

    {% for row in metrics %}
        select
            '{{ row[0] }}' as metric,
            {{ row[1] }} as value,
            {{ row[2] }} as total,
            '{{ row[3] }}' as detail,
            {{ "'" ~ row[4] ~ "'" if row | length > 4 else 'null' }} as figure
        from totals
        {{ "union all" if not loop.last }}
    {% endfor %}

),

items as (

    select
        'lines_set_aside' as metric,
        reason_kind as item,
        null as version,
        count(*) as item_count,
        min(source_file || ', byte ' || byte_offset) as example
    from {{ ref('stg_dead_letters') }}
    group by reason_kind
    union all by name
    select
        'lines_rejected' as metric,
        reason_kind as item,
        count(*) as item_count,
        min(coalesce(source_file || ', byte ' || byte_offset, document_id)) as example
    from {{ ref('stg_rejected_documents') }}
    group by reason_kind
    union all by name
    select
        'values_rejected' as metric,
        field || ': ' || kind as item,
        count(*) as item_count,
        min(document_id) as example
    from {{ ref('stg_rejected_values') }}
    group by field, kind
    union all by name
    select
        'secrets_masked' as metric,
        secret_kind as item,
        count(distinct fingerprint) as item_count
    from {{ ref('fct_masked_secrets') }}
    group by secret_kind
    union all by name
    select
        'unknown_line_types' as metric,
        line_type as item,
        version,
        sum(line_count) as item_count
    from lines
    where is_unknown
    group by line_type, version
    union all by name
    select
        'unknown_languages' as metric,
        coalesce('.' || file_extension, '(no extension)') as item,
        count(*) as item_count
    from {{ ref('fct_file_operations') }}
    where is_change and language = 'Other'
    group by coalesce('.' || file_extension, '(no extension)')
    union all by name
    select
        'unknown_tools' as metric,
        tool_name as item,
        null as version,
        count(*) as item_count
    from calls
    where is_unknown
    group by tool_name

),

usage as (

    select
        *,
        max(value) filter (where metric = 'responses') over () as responses
    from {{ ref('agg_usage_quality') }}

),

unpriced as (

    select
        model as item,
        unpriced_response_count as item_count
    from {{ ref('dim_models') }}
    where unpriced_response_count > 0

),

measured as (

    select
        metric,
        null as item,
        null as version,
        cast(value as double) as value,
        cast(total as double) as total,
        null as example,
        detail,
        figure
    from whole
    union all
    select
        whole.metric,
        items.item,
        items.version,
        cast(items.item_count as double) as value,
        cast(whole.total as double) as total,
        items.example,
        whole.detail,
        whole.figure
    from whole
    inner join items on whole.metric = items.metric
    union all
    select
        metric,
        null as item,
        null as version,
        cast(value as double) as value,
        if(starts_with(metric, 'responses_'), responses, null) as total,
        null as example,
        detail,
        figure
    from usage
    union all
    select
        usage.metric,
        unpriced.item,
        null as version,
        cast(unpriced.item_count as double) as value,
        usage.responses as total,
        null as example,
        'Responses whose cost is not known' as detail,
        usage.figure
    from usage
    inner join unpriced on usage.metric = 'responses_unpriced'

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
        example,
        figure,
        detail
    from measured

)

select * from final
