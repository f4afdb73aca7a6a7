{#-
  Fills schema raw of the in-memory target from SAMPLE_RAW_PATH, a DuckDB file that holds the raw tables of a sample.
  The other targets build on what the loader wrote, so there it does nothing.
-#}
{%- macro load_sample() -%}
    {%- if execute and target.name == 'test' -%}
        {%- set path = env_var('SAMPLE_RAW_PATH', '') -%}
        {%- if not path -%}
            {{ exceptions.raise_compiler_error(
                "target test: expected SAMPLE_RAW_PATH to name a DuckDB file with the raw tables of a sample, found nothing; "
                ~ "set it, or build with --target dev") }}
        {%- endif -%}
        {%- do run_query("attach if not exists '" ~ path | replace("'", "''") ~ "' as sample (read_only)") -%}
        {%- do run_query("create schema if not exists raw") -%}
        {%- for table in [
            'conversations', 'loads', 'dead_letters', 'transcript_files', 'rejected_values', 'rejected_documents',
            'masked_secrets'
        ] -%}
            {%- do run_query("create or replace table raw." ~ table ~ " as select * from sample.raw." ~ table) -%}
        {%- endfor -%}
        {%- do run_query("detach sample") -%}
    {%- endif -%}
{%- endmacro -%}
