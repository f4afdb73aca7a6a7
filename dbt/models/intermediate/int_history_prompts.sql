-- Prompts that only Claude Code's history of prompts tells of: no transcript of their session is there, and none holds their text within a
-- few seconds of their time (a resumed session may have another id, and older versions name none).
{{ config(materialized='table') }}

with candidates as (

    select *
    from {{ ref('stg_history_prompts') }}
    where session_id is null or session_id not in (
        select sessions.session_id from {{ ref('int_session_projects') }} as sessions
        where sessions.session_id is not null
    )

),

prompts as (

    select
        *,
        unnest(range(
            cast(floor(epoch(event_at) / 5) as bigint) - 1, cast(floor(epoch(event_at) / 5) as bigint) + 2
        )) as around
    from candidates

),

in_transcripts as (

    select distinct prompts.document_id
    from prompts
    inner join {{ ref('stg_messages') }} as messages
        on
            prompts.around = cast(floor(epoch(messages.event_at) / 5) as bigint)
            and abs(epoch_ms(prompts.event_at) - epoch_ms(messages.event_at)) <= 5000
    where
        messages.message_type = 'user'
        and messages.block_type = 'text'
        and not messages.is_sidechain
        and if(
            prompts.has_pasted,
            starts_with({{ typed_text('messages.block_text') }}, prompts.text_before_pasted),
            md5(prompts.prompt_text) = {{ typed_digest('messages.') }}
        )
    union
    -- was found there when its text was still kept
    select candidates.document_id
    from candidates
    where candidates.kept_facts is not null and not {{ kept_or('is_remembered', 'false', 'boolean', 'candidates.') }}

)

select
    candidates.document_id,
    candidates.host,
    candidates.session_id,
    {{ repository_path('candidates.directory') }} as project_id,
    candidates.prompt_text,
    {{ kept_or('prompt_length', 'length(candidates.prompt_text)', 'bigint', 'candidates.') }} as text_length,
    {{ kept_or('task_category', task_category('candidates.prompt_text'), of='candidates.') }} as task_category,
    candidates.event_at,
    candidates.event_date
from candidates
left join in_transcripts on candidates.document_id = in_transcripts.document_id
where in_transcripts.document_id is null
