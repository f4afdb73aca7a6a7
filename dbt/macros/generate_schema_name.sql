{#- A layer's schema is its own name (staging, marts, ...), without the target's schema before it: readers name the same tables on every target. -#}
{%- macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro -%}
