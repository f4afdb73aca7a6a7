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

{#- A model's node, or none for what is no model of ours. -#}
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
        {%- do return('(select * from ' ~ relation ~ ' where ' ~ is_of_touched_sessions(node) ~ ')') -%}
    {%- elif reads == 'day' and 'date_key' in node.columns -%}
        {%- do return(of_touched_days(relation)) -%}
    {%- endif -%}
    {%- do return(relation) -%}
{%- endmacro -%}

{#- SQL: does a row of this by_session model belong to a touched session? The model's meta says it where session_key does not. -#}
{%- macro is_of_touched_sessions(node) -%}
    {{- node.config.get('meta', {}).get('belongs', 'session_key in (select session_key from touched.sessions)') -}}
{%- endmacro -%}

{#- SQL: was a row of this day, or of none, written or deleted by this build? -#}
{%- macro is_of_touched_days() -%}
    coalesce(date_key, 0) in (select touched.days.date_key from touched.days)
{%- endmacro -%}

{#- The rows of a table that a sum by day is made from: in a build after new lines those of the touched days. -#}
{%- macro of_touched_days(relation) -%}
    {%- if built_load_id() -%}
        (select * from {{ relation }} where {{ is_of_touched_days() }})
    {%- else -%}
        {{ relation }}
    {%- endif -%}
{%- endmacro -%}

{#- Before a build: the touched sessions, their lines, and the twins; what a build that failed or was killed left behind goes. -#}
{%- macro open_touched_sessions() -%}
    {%- if execute -%}
        {%- do run_query('drop schema if exists touched cascade') -%}
        {%- if built_load_id() -%}
            {%- do run_query(touched_lines_sql(built_load_id())) -%}
            {%- do create_twins() -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro -%}

{#- After a build that succeeded; after another one the rows of a failed test are still to be read. -#}
{%- macro close_touched_sessions(results) -%}
    {%- if execute and not results | selectattr('status', 'in', ['error', 'fail', 'runtime error']) | list -%}
        drop schema if exists touched cascade
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

{#-
  Two sessions are connected where they hold the same line, or where one sums up the other. New lines may connect sessions by a uuid, by
  the uuid that they were forked from, or by an answer with the same id and time; what connected old ones is in int_shared_lines.
-#}
{%- macro touched_lines_sql(built) -%}
    {%- set lines, shared = 'staging.stg_conversations', 'intermediate.int_shared_lines' -%}
    create schema touched;
    create table touched.days (date_key integer);

    create temporary table new_links as
    select distinct unnest({{ line_links() }}) as link
    from {{ lines }}
    where load_id > {{ built }} and block_index = 0;
    delete from new_links where link is null;

    create temporary table summaries as
    select
        {{ session_key() }} as session_key,
        attributes ->> '$.leafUuid' as leaf_uuid
    from {{ lines }}
    where line_type = 'summary';

    create temporary table connections as
    select distinct session_key, cast(set_id as varchar) as place
    from {{ shared }}
    union
    select session_key, leaf_uuid from summaries
    union
    select {{ session_key('leaves.') }}, leaves.uuid
    from {{ lines }} as leaves
    where leaves.block_index = 0 and leaves.uuid in (select summaries.leaf_uuid from summaries);

    create table touched.sessions as
    with recursive closure as (
        select {{ session_key() }} as session_key
        from {{ lines }}
        where load_id > {{ built }}
        union
        select {{ session_key() }}
        from {{ lines }}
        where
            block_index = 0
            and (
                hash(uuid) in (select new_links.link from new_links)
                or hash(forked_from_uuid) in (select new_links.link from new_links)
                or (message_type = 'assistant' and hash(message_id, event_at) in (select new_links.link from new_links))
            )
        union
        select others.session_key
        from closure
        inner join connections as own on closure.session_key = own.session_key
        inner join connections as others on own.place = others.place
    )
    select distinct session_key from closure;

    create table touched.conversations as
    select *
    from raw.conversations
    where coalesce(nullif(session_id, ''), nullif(source_file, ''), '') in (select sessions.session_key from touched.sessions);

    drop table new_links;
    drop table summaries;
    drop table connections;
{%- endmacro -%}

{#- An empty table for each by_session model of the intermediate layer, and each view again, over these and the touched lines. -#}
{%- macro create_twins() -%}
    {%- set models = graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') | selectattr('config.enabled') | list -%}
    {%- set tables = models | selectattr('config.incremental_strategy', 'equalto', 'by_session') | selectattr('schema', 'equalto', 'intermediate') | list -%}
    {%- set views = models | selectattr('config.materialized', 'equalto', 'view') | list -%}
    {%- for node in tables if load_relation(api.Relation.create(database=node.database, schema=node.schema, identifier=node.name)) -%}
        {%- do run_query('create table touched.' ~ node.name ~ ' as from intermediate.' ~ node.name ~ ' limit 0') -%}
    {%- endfor -%}
    {%- set names = (tables + views) | map(attribute='name') | join('|') -%}
    {%- set found = run_query(
        "select view_name, regexp_replace(regexp_replace(sql, '(\"?[A-Za-z0-9_]+\"?\\.)?\"?(staging|intermediate)\"?\\.\"?(" ~ names
        ~ ")\"?([^A-Za-z0-9_]|$)', 'touched.\\3\\4', 'g'), '(\"?[A-Za-z0-9_]+\"?\\.)?\"?raw\"?\\.\"?conversations\"?([^A-Za-z0-9_]|$)',"
        ~ " 'touched.conversations\\2', 'g') from duckdb_views() where schema_name in ('staging', 'intermediate')") -%}
    {%- set sql_of = {} -%}
    {%- for row in found.rows -%}{%- do sql_of.update({row[0]: row[1]}) -%}{%- endfor -%}
    {%- set made = [] -%}
    {%- for _ in views -%}
        {%- for node in views if node.unique_id not in made and node.name in sql_of -%}
            {%- set open = node.depends_on.nodes | reject('in', made) | select('in', views | map(attribute='unique_id') | list) | list -%}
            {%- if not open -%}
                {%- do run_query(sql_of[node.name]) -%}
                {%- do made.append(node.unique_id) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
{%- endmacro -%}
