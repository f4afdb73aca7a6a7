-- Secrets that were masked before they reached Iceberg: what kind they are of, and where they stood.
{{ config(materialized='incremental', incremental_strategy='by_session') }}

with secrets as (

    select * from {{ ref('stg_masked_secrets') }}

),

lines as (

    select * from {{ ref('stg_conversations') }}
    where block_index = 0

)

-- A forked session holds copies of these lines too.
select
    {{ surrogate_key(['secrets.document_id', 'secrets.secret_kind', 'secrets.fingerprint', 'secrets.place']) }}
        as masked_secret_key,
    lines.session_id,
    {{ session_key('lines.') }} as session_key,
    projects.project_id,
    secrets.secret_kind,
    secrets.fingerprint,
    secrets.place,
    secrets.occurrence_count,
    lines.event_at as occurred_at,
    {{ local_date_key('lines.event_at') }} as date_key
from secrets
inner join lines on secrets.document_id = lines.document_id
left join {{ ref('int_line_copies') }} as copies on lines.document_id = copies.document_id
left join {{ ref('int_session_projects') }} as projects
    on
        {{ session_key('lines.') }} = projects.session_key
        -- a file that names no session and holds no message makes no project
        and (projects.session_id is not null or projects.has_messages)
where not coalesce(copies.is_copy, false)
