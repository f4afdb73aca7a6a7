{#-
  dbt's materializations build under another name and swap: that takes longer than the queries of most tables. Where there is nothing to
  swap with, views and tables are built in their place; on a build that can be trusted a table is replaced in one statement, with the
  columns that the build from nothing has checked.
-#}
{%- materialization view, adapter='duckdb' -%}
    {%- if load_cached_relation(this) is not none -%}
        {%- do return(dbt.materialization_view_default()) -%}
    {%- endif -%}
    {%- set target = this.incorporate(type='view') -%}
    {%- do return(built_in_place(target, get_create_view_as_sql(target, sql))) -%}
{%- endmaterialization -%}

{%- materialization table, adapter='duckdb' -%}
    {%- set target = this.incorporate(type='table') -%}
    {%- if built_load_id() -%}
        {%- set rows = get_select_subquery(sql) if config.get('contract').enforced else sql -%}
        {%- do return(built_in_place(target, 'create or replace table ' ~ target ~ ' as ' ~ rows)) -%}
    {%- elif load_cached_relation(this) is not none -%}
        {%- do return(dbt.materialization_table_duckdb()) -%}
    {%- endif -%}
    {%- do return(built_in_place(target, create_table_as(False, target, sql))) -%}
{%- endmaterialization -%}

{%- macro built_in_place(target, sql) -%}
    {{- run_hooks(pre_hooks) -}}
    {%- call statement('main') -%} {{ sql }} {%- endcall -%}
    {{- run_hooks(post_hooks) -}}
    {%- do adapter.commit() -%}
    {%- do return({'relations': [target]}) -%}
{%- endmacro -%}

{#-
  Incremental models: built from nothing like tables, unless the environment says that a build can be trusted; touched.sql says how they
  go on from it. In place of dbt-duckdb's materialization, whose dozen statements a model are most of what a small build costs.
-#}
{%- materialization incremental, adapter='duckdb' -%}
    {%- if not built_load_id() -%}
        {%- do return(materialization_table_duckdb()) -%}
    {%- endif -%}
    {%- if load_cached_relation(this) is none -%}
        {%- do exceptions.raise_compiler_error(
            this ~ ": expected the table of the build that BUILT_LOAD_ID names, found none; build without BUILT_LOAD_ID") -%}
    {%- endif -%}
    {%- set target = this.incorporate(type='table') -%}
    {{- run_hooks(pre_hooks) -}}
    {%- call statement('main') -%}
        {%- if is_by_session(model) -%}
            {{ rows_of_touched_sessions(target, is_of_touched_sessions(model)) }}
        {%- else -%}
            {{ rows_of_touched_days(target) }}
        {%- endif -%}
    {%- endcall -%}
    {{- run_hooks(post_hooks) -}}
    {%- do adapter.commit() -%}
    {%- do return({'relations': [target]}) -%}
{%- endmaterialization -%}

{#- The rows go into the twin first, for the models after this one, and the days of the old and the new rows are noted. -#}
{%- macro rows_of_touched_sessions(target, belongs) -%}
    create or replace table touched.{{ this.identifier }} as {{ sql }};
    {%- if 'date_key' in model.columns %}
    insert into touched.days
    select coalesce(date_key, 0) from {{ target }} where {{ belongs }}
    union
    select coalesce(date_key, 0) from touched.{{ this.identifier }};
    {%- endif %}
    delete from {{ target }} where {{ belongs }};
    insert into {{ target }} by name from touched.{{ this.identifier }}
{%- endmacro -%}

{#- Computed before the old ones go: they may be read for it. -#}
{%- macro rows_of_touched_days(target) -%}
    create or replace temporary table {{ this.identifier }}__days as {{ sql }};
    delete from {{ target }} where {{ is_of_touched_days() }};
    insert into {{ target }} by name from {{ this.identifier }}__days;
    drop table {{ this.identifier }}__days
{%- endmacro -%}
