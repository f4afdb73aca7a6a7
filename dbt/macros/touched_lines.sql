{#- The sessions that new lines touch, and their lines: touched.sql says what for. -#}

{#- Before a build: the touched sessions, their lines, and the twins; what a build that failed or was killed left behind goes. -#}
{%- macro open_touched_sessions() -%}
    {%- if execute and target.type == 'duckdb' -%}
        {%- do run_query('drop schema if exists touched cascade') -%}
        {%- if built_load_id() -%}
            {%- do run_query(touched_lines_sql(built_load_id())) -%}
            {%- do create_twins() -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro -%}

{#- After a build that succeeded; after another one the rows of a failed test are still to be read. -#}
{%- macro close_touched_sessions(results) -%}
    {%- if execute and target.type == 'duckdb' and not results | selectattr('status', 'in', ['error', 'fail', 'runtime error']) | list -%}
        drop schema if exists touched cascade
    {%- endif -%}
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

    -- by row ids: DuckDB then reads the long columns of these rows alone, and not of the whole table
    create table touched.conversations as
    select *
    from raw.conversations
    where rowid in (
        select found.rowid
        from raw.conversations as found
        where coalesce(nullif(found.session_id, ''), nullif(found.source_file, ''), '') in (select sessions.session_key from touched.sessions)
    );

    drop table new_links;
    drop table summaries;
    drop table connections;
{%- endmacro -%}
