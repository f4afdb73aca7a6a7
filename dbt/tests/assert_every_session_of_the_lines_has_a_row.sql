-- Sessions are counted over lines of every kind; a session that holds no message is one too.
{{ config(meta={'reads': 'session'}) }}

select
    lines.session_id as found_in_lines,
    sessions.session_id as found_in_dim_sessions
from (select distinct session_id from {{ ref('stg_conversations') }} where session_id is not null) as lines
full outer join {{ ref('dim_sessions') }} as sessions on lines.session_id = sessions.session_id
where lines.session_id is null or sessions.session_id is null
