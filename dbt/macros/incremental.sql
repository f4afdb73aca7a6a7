{#-
  Tables: on a build that can be trusted they are replaced in one statement, with the columns that the build from nothing has checked.
  dbt-duckdb's materialization swaps names: it takes longer for that than for the queries of most tables.
-#}
{%- materialization table, adapter='duckdb' -%}
    {%- if not built_load_id() -%}
        {%- do return(dbt.materialization_table_duckdb()) -%}
    {%- endif -%}
    {%- set target = this.incorporate(type='table') -%}
    {{- run_hooks(pre_hooks) -}}
    {%- call statement('main') -%}
        create or replace table {{ target }} as {{ get_select_subquery(sql) if config.get('contract').enforced else sql }}
    {%- endcall -%}
    {{- run_hooks(post_hooks) -}}
    {%- do adapter.commit() -%}
    {%- do return({'relations': [target]}) -%}
{%- endmaterialization -%}

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
