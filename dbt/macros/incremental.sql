{#-
  How the facts stay exact between full refreshes.

  A row of a fact depends on the lines of its session and of those sessions that share a line with it, for one of them owns what
  both hold. So an incremental run takes the sessions that new loads touched and all that share a line with one of them, computes
  their rows again, from all lines of each key, and replaces them. A line that arrives late therefore corrects what was written from
  the lines before it, also where it makes another session the owner.
-#}

{#-
  The sessions that loads newer than this fact touched, those that share a line with one, and those whose project is another one now, as a
  subquery of one column.
-#}
{%- macro touched_sessions() -%}
    with loaded as (
        select distinct {{ session_key() }} as session_key
        from {{ ref('stg_conversations') }}
        where load_id > (select coalesce(max(load_id), 0) from {{ this }})
    )
    select session_key from loaded
    union
    select others.session_key
    from {{ ref('int_line_copies') }} as own
    inner join {{ ref('int_line_copies') }} as others on own.copy_key = others.copy_key
    where own.session_key in (select session_key from loaded) and own.sharing_sessions > 1
    union
    select built.session_key
    from (select distinct session_key, project_id from {{ this }}) as built
    inner join {{ ref('int_session_projects') }} as projects on built.session_key = projects.session_key
    where built.project_id is distinct from projects.project_id
{%- endmacro -%}

{#-
  Incremental strategy of the facts: all rows of the touched sessions go, so that none stays whose key no line yields any more, and with
  them whatever else was computed again. Both are read before a row is deleted.
-#}
{%- macro get_incremental_touched_sessions_sql(arguments) -%}
    {%- set columns = arguments['dest_columns'] | map(attribute='quoted') | join(', ') -%}
    delete from {{ arguments['target_relation'] }}
    where
        session_key in ({{ touched_sessions() }})
        or {{ arguments['unique_key'] }} in (select {{ arguments['unique_key'] }} from {{ arguments['temp_relation'] }});
    insert into {{ arguments['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arguments['temp_relation'] }}
{%- endmacro -%}

{#-
  What the rows of a fact were computed with: vars, timezone and the text of the models before it. A fact whose fingerprint differs
  is built from nothing, for rows of two settings do not belong in one table.
-#}
{%- macro build_fingerprint() -%}
    {%- set parts = [timezone_name(), var('start_date') | string, var('end_date') | string, tojson(var('task_patterns'))] -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values() | sort(attribute='unique_id') -%}
            {%- if node.resource_type == 'seed' or (node.resource_type == 'model' and (node.unique_id == model.unique_id or 'marts' not in node.tags)) -%}
                {%- do parts.append(node.checksum.checksum) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{- local_md5(parts | join('|')) -}}
{%- endmacro -%}

{#- Post-hook of every incremental model: leaves the fingerprint on the table, in the transaction that wrote the rows. -#}
{%- macro record_fingerprint() -%}
    comment on table {{ this }} is '{{ build_fingerprint() }}'
{%- endmacro -%}

{#- dbt asks this before each incremental model: true with --full-refresh, and where the table's fingerprint is not today's. -#}
{%- macro should_full_refresh() -%}
    {%- set wanted = config.get('full_refresh') -%}
    {%- if wanted is none -%}
        {%- set wanted = flags.FULL_REFRESH -%}
    {%- endif -%}
    {%- if not wanted and execute and model.config.materialized == 'incremental' -%}
        {%- set found = run_query(
            "select comment from duckdb_tables() where schema_name = '" ~ this.schema ~ "' and table_name = '" ~ this.identifier
            ~ "' and database_name = current_database()") -%}
        {%- set wanted = found.rows | length > 0 and found.rows[0][0] != build_fingerprint() -%}
    {%- endif -%}
    {%- do return(wanted) -%}
{%- endmacro -%}
