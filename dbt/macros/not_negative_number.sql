{#- A number that Claude Code wrote as text, to the whole; one below zero, as after a step of the clock, is not known. -#}
{%- macro not_negative_number(text_column) -%}
    if(try_cast({{ text_column }} as double) < 0, null, try_cast(try_cast({{ text_column }} as double) as bigint))
{%- endmacro -%}
