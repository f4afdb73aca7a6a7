{#- md5 over natural keys. NULL and the empty text differ, and ('a', 'b-c') differs from ('a-b', 'c'). -#}
{%- macro surrogate_key(columns) -%}
    md5(
        {%- for column in columns %}
        coalesce(cast({{ column }} as varchar), chr(0)) {{ "|| chr(31) ||" if not loop.last }}
        {%- endfor %}
    )
{%- endmacro -%}
