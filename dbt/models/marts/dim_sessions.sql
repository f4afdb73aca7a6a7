{{ config(materialized='incremental', incremental_strategy='by_session') }}

with sessions as (

    select * from {{ ref('int_sessions_computed') }}

),

messages as (

    select * from {{ ref('fct_messages') }}
    where session_id is not null and not is_subagent and not is_copy

),

-- A person's title goes before Claude's, and that before a summary, which old versions write into some later file and which names
-- the last line that it sums up.
written_titles as (

    select
        session_id,
        block_text as title,
        if(line_type = 'custom-title', 1, 2) as title_rank,
        ingested_at,
        byte_offset
    from {{ ref('stg_conversations') }}
    where line_type in ('custom-title', 'ai-title') and session_id is not null and {{ trimmed_digest() }} != md5('')
    union all
    select
        leaves.session_id,
        summaries.block_text as title,
        3 as title_rank,
        summaries.ingested_at,
        summaries.byte_offset
    from {{ ref('stg_conversations') }} as summaries
    inner join {{ ref('stg_conversations') }} as leaves
        on (summaries.attributes ->> '$.leafUuid') = leaves.uuid and leaves.block_index = 0
    left join {{ ref('int_line_copies') }} as copies on leaves.document_id = copies.document_id
    where
        summaries.line_type = 'summary'
        and {{ trimmed_digest('summaries.') }} != md5('')
        and leaves.session_id is not null
        and not coalesce(copies.is_copy, false)

),

-- Titles carry no time, and change: the last one in the file stands.
titles as (

    select
        session_id,
        title
    from written_titles
    qualify row_number() over (
        partition by session_id
        order by title_rank asc, ingested_at desc nulls last, byte_offset desc nulls last, title asc
    ) = 1

),

prompts as (

    select
        session_id,
        arg_min_null(left(message_text, 500), (sent_at, message_key)) as first_prompt
    from messages
    -- one whose text is no longer kept stays the first
    where turn_type = 'human_prompt' and coalesce(trim(message_text) != '', text_length > 0)
    group by session_id

),

categories as (

    select
        session_id,
        task_category
    from messages
    where task_category is not null
    group by session_id, task_category
    qualify row_number() over (
        partition by session_id
        order by task_category = 'other', count(*) desc, min(sent_at), task_category
    ) = 1

),

final as (

    select
        sessions.* exclude (agent_count),
        coalesce(titles.title, left(prompts.first_prompt, 80)) as title,
        prompts.first_prompt,
        categories.task_category,
        {{ local_date_key('sessions.started_at') }} as start_date_key,
        {{ local_hour('sessions.started_at') }} as start_hour_of_day
    from sessions
    left join titles on sessions.session_id = titles.session_id
    left join prompts on sessions.session_id = prompts.session_id
    left join categories on sessions.session_id = categories.session_id

)

-- A star takes whatever columns another model has, on purpose.
-- noqa: disable=AM04
select * from final
