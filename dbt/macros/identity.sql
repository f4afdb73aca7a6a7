{#- What one thing is: lines, answers and sessions, at one place for every model that counts them. -#}

{#- What a line belongs to: its session, without one its file. Never NULL, which no list of touched ones would hold. -#}
{%- macro session_key(line='') -%}
    coalesce({{ line }}session_id, {{ line }}source_file, '')
{%- endmacro -%}

{#-
  Key of an answer that is simply one: the lines of a session with the same message id. Where they are several answers, or a copy of
  another session's, int_split_answers says which; `labels` tell the answers of one message id apart.
-#}
{%- macro answer_key(session_key, message_id, labels="''") -%}
    {{ surrogate_key(["'message'", session_key, message_id, labels]) }}
{%- endmacro -%}

{#- Key of a sub-agent in dim_agents; NULL for what no named agent did. -#}
{%- macro agent_key(session_id, agent_id) -%}
    if({{ session_id }} is null or {{ agent_id }} is null, null, {{ surrogate_key([session_id, agent_id]) }})
{%- endmacro -%}
