{#- Counts of a table that was left joined: where it has no row, nothing happened. -#}
{%- macro zero_filled(table_name, columns) -%}
    {%- for column in columns -%}
        cast({{ at_most('coalesce(' ~ table_name ~ '.' ~ column ~ ', 0)', 9223372036854775807) }} as bigint) as {{ column }}{{ ",\n        " if not loop.last }}
    {%- endfor -%}
{%- endmacro -%}
