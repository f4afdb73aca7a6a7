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

typed as (

    -- the times first: where no prompt waits, no message is read
    select
        block_text,
        kept_facts,
        event_at,
        cast(floor(epoch(event_at) / 5) as bigint) as around
    from {{ ref('stg_messages') }}
    where
        cast(floor(epoch(event_at) / 5) as bigint) in (select prompts.around from prompts)
        and message_type = 'user'
        and block_type = 'text'
        and not is_sidechain

),

in_transcripts as (

    select distinct prompts.document_id
    from prompts
    inner join typed
        on prompts.around = typed.around and abs(epoch_ms(prompts.event_at) - epoch_ms(typed.event_at)) <= 5000
    where
        if(
            prompts.has_pasted,
            starts_with({{ typed_text('typed.block_text') }}, prompts.text_before_pasted),
            md5(prompts.prompt_text) = {{ typed_digest('typed.') }}
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
