with sessions as (

    select * from {{ ref('int_sessions_computed') }}

),

messages as (

    select * from {{ ref('fct_messages') }}
    where session_id is not null and not is_subagent

),

-- Titles carry no time; of several the most frequent stands, a person's own before Claude's.
titles as (

    select
        session_id,
        block_text as title
    from {{ ref('stg_conversations') }}
    where line_type in ('custom-title', 'ai-title') and session_id is not null and trim(block_text) != ''
    group by session_id, line_type, block_text
    qualify row_number() over (
        partition by session_id
        order by line_type = 'custom-title' desc, count(*) desc, block_text
    ) = 1

),

prompts as (

    select
        session_id,
        arg_min(left(message_text, 500), (sent_at, message_key)) as first_prompt
    from messages
    where turn_type = 'human_prompt' and trim(message_text) != ''
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

select * from final
