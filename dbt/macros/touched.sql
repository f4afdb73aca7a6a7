{#-
  How a build costs what is new, and is still what a build from nothing gives.

  Every line belongs to one session (or, without one, to its file), and a row of a model with the incremental strategy `by_session` follows from the
  lines of its session and of the sessions that share lines with it. So a build after new lines takes the sessions that the new lines touch,
  with all that are connected to them, copies their lines into a schema of their own, `touched`, with a twin of every view over them, and
  runs the models' own SQL there: ref() leads to the twin. What comes out replaces the rows of these sessions. Models with the strategy
  `by_day` are sums by day: only the days on which a row went or came are summed again.

  The environment says where to begin: BUILT_LOAD_ID is the load that every model is complete for and tested. Without it everything is
  built from nothing. The scheduler sets it only where the build before succeeded with the same models, settings and price list.
-#}

{#- The load that every model is complete for; '' for a build from nothing. Never read while dbt parses, which would not see it change. -#}
{%- macro built_load_id() -%}
    {{- (env_var('BUILT_LOAD_ID', '') if execute and not flags.FULL_REFRESH else '') | trim -}}
{%- endmacro -%}

{#- The node of a model; none if the relation is not a model of this project. -#}
{%- macro node_of(relation) -%}
    {%- do return(graph.nodes.get('model.' ~ project_name ~ '.' ~ relation.identifier)) -%}
{%- endmacro -%}

{%- macro is_by_session(node) -%}
    {%- do return(node.config.get('incremental_strategy') == 'by_session') -%}
{%- endmacro -%}

{#- Whether the schema `touched` holds this model: views do not store rows, and by_session models are computed there. -#}
{%- macro has_twin(node) -%}
    {%- do return(node is not none and (node.config.materialized == 'view' or is_by_session(node))) -%}
{%- endmacro -%}

{#-
  dbt's own ref, but in a build after new lines: a by_session model reads the touched sessions alone, and a test that says so
  (meta: {reads: session} or {reads: day}) the rows of these sessions, or of the days on which one changed.
-#}
{%- macro ref() -%}
    {%- set relation = builtins.ref(*varargs, **kwargs) -%}
    {%- if not execute or not built_load_id() -%}
        {%- do return(relation) -%}
    {%- endif -%}
    {%- set node = node_of(relation) -%}
    {%- set reads = model.config.get('meta', {}).get('reads') if model.resource_type == 'test' -%}
    {%- if has_twin(node) and (is_by_session(model) or (reads == 'session' and node.config.materialized == 'view')) -%}
        {%- do return(relation.incorporate(path={'schema': 'touched'})) -%}
    {%- elif reads == 'session' and is_by_session(node) -%}
        {%- do return(rows_where(relation, is_of_touched_sessions(node))) -%}
    {%- elif reads == 'day' and 'date_key' in node.columns -%}
        {%- do return(of_touched_days(relation)) -%}
    {%- endif -%}
    {%- do return(relation) -%}
{%- endmacro -%}

{#- SQL: does a row of this by_session model belong to a touched session? The model's meta says it where no column names the session. -#}
{%- macro is_of_touched_sessions(node) -%}
    {%- set key = 'session_key' if 'session_key' in node.columns else 'session_id' -%}
    {{- node.config.get('meta', {}).get('belongs', key ~ ' in (select session_key from touched.sessions)') -}}
{%- endmacro -%}

{#- SQL: was a row of this day, or of none, written or deleted by this build? -#}
{%- macro is_of_touched_days() -%}
    coalesce(date_key, 0) in (select touched.days.date_key from touched.days)
{%- endmacro -%}

{#- The rows of a table that meet a condition, as a subquery, by row ids: DuckDB then reads the other columns of these rows alone. -#}
{%- macro rows_where(relation, condition) -%}
    (
        select * from {{ relation }}
        where rowid in (select found.rowid from {{ relation }} as found where {{ condition }})
    )
{%- endmacro -%}

{#- The rows of a table that a sum by day is made from: in a build after new lines those of the touched days. -#}
{%- macro of_touched_days(relation) -%}
    {%- if built_load_id() -%}
        {{ rows_where(relation, is_of_touched_days()) }}
    {%- else -%}
        {{ relation }}
    {%- endif -%}
{%- endmacro -%}

{#- What connects a line with others, as hashes: its uuid, the uuid it was forked from, and its answer's id and time. NULL where it has none. -#}
{%- macro line_links() -%}
    [
        if(uuid is null, null, hash(uuid)),
        if(forked_from_uuid is null, null, hash(forked_from_uuid)),
        if(message_type = 'assistant' and message_id is not null, hash(message_id, event_at), null)
    ]
{%- endmacro -%}
