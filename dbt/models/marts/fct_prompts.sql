-- Prompts that people typed: those of the transcripts, and those that only Claude Code's history of prompts still tells of.
{{ config(
    materialized='incremental',
    incremental_strategy='by_session',
    meta={'belongs': "provenance = 'history' or session_key in (select session_key from touched.sessions)"}
) }}

select
    message_key as prompt_key,
    'transcript' as provenance,
    session_id,
    session_key,
    null as history_session_id,
    project_id,
    host,
    sent_at,
    date_key,
    hour_of_day,
    task_category,
    text_length,
    message_text as prompt_text
from {{ ref('fct_messages') }}
where is_human_prompt
union all
select
    document_id as prompt_key,
    'history' as provenance,
    null as session_id,
    null as session_key,
    session_id as history_session_id,
    project_id,
    host,
    event_at as sent_at,
    {{ date_key('event_date') }} as date_key,
    {{ local_hour('event_at') }} as hour_of_day,
    task_category,
    text_length,
    prompt_text
from {{ ref('int_history_prompts') }}
