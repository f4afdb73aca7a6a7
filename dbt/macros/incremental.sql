{#-
  How the facts stay exact between full refreshes.

  A fact row depends on nothing outside the sessions that hold lines of its key. So an incremental run takes the sessions
  that new loads touched, computes again every key that has a line in one of them, from all lines of that key, and replaces
  those rows (delete+insert). A line that arrives late therefore corrects what was written from the lines before it.
-#}

{#- What a line belongs to: its session, without one its file. Never NULL, which no list of touched ones would hold. -#}
{%- macro session_key() -%}
    coalesce(session_id, source_file, '')
{%- endmacro -%}

{#- The sessions that loads newer than this fact touched, as a subquery of one column. -#}
{%- macro touched_sessions() -%}
    select distinct {{ session_key() }}
    from {{ ref('stg_conversations') }}
    where load_id > (select coalesce(max(load_id), 0) from {{ this }})
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
