{#-
  The target `spark`: the models stay DuckDB's, and what dbt sends is marked, so that spark/statements.py translates it. Every model is a
  table that is built in full; nothing of touched.sql applies.
-#}

{#- A statement of DuckDB within one of Spark. -#}
{%- macro in_duckdb(sql) -%}
    /* duckdb */ {{ sql }} /* end of duckdb */
{%- endmacro -%}

{%- macro spark__create_table_as(temporary, relation, compiled_code, language='sql') -%}
    create or replace table {{ relation }} using iceberg as {{ in_duckdb(compiled_code) }}
{%- endmacro -%}

{%- macro spark__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) -%}
    {{ in_duckdb(default__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit)) }}
{%- endmacro -%}

{#- Views of Spark may not use functions of a session, which the dialect needs. -#}
{%- materialization view, adapter='spark' -%}
    {%- do return(materialization_table_spark()) -%}
{%- endmaterialization -%}

{%- materialization incremental, adapter='spark' -%}
    {%- do return(materialization_table_spark()) -%}
{%- endmaterialization -%}
