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

{#-
  Body of a recursive CTE that finds what is one, directly or through others: members that are in one group share a family, the smallest
  member's name. `groups` has a row per member and group. In each round members take the smallest family that theirs meet in a group, so
  that a chain of n members takes about log n rounds; callers take the smallest family of each member.
-#}
{%- macro connected(rounds, groups, member, group_column) -%}
    select distinct
        {{ member }},
        {{ member }} as family
    from {{ groups }}
    union all
    select
        {{ rounds }}.{{ member }},
        least(min(found.family), any_value({{ rounds }}.family)) as family
    from (
        select
            unnest([{{ groups }}.{{ member }}, own.family]) as {{ member }},
            min(further.family) over (partition by {{ groups }}.{{ group_column }}) as family
        from {{ rounds }} as own
        inner join {{ rounds }} as further on own.family = further.{{ member }}
        inner join {{ groups }} on own.{{ member }} = {{ groups }}.{{ member }}
    ) as found
    inner join {{ rounds }} on found.{{ member }} = {{ rounds }}.{{ member }}
    group by {{ rounds }}.{{ member }}
    qualify bool_or(min(found.family) < any_value({{ rounds }}.family)) over ()
{%- endmacro -%}
