{#- Text without the wrappers that Claude Code and IDE extensions put before what a person typed. -#}
{%- macro typed_text(text_column) -%}
    trim(regexp_replace(
        {{ text_column }},
        '(?s)^(\s*<(system-reminder|ide_opened_file|ide_selection|ide_diagnostics)>.*?'
        || '</(system-reminder|ide_opened_file|ide_selection|ide_diagnostics)>)+',
        ''
    ), ' ' || chr(9) || chr(10) || chr(13))
{%- endmacro -%}

{#- Task category of a prompt: the first of var task_patterns that matches, else 'other'. -#}
{%- macro task_category(text_column) -%}
    case
        {%- for category, pattern in var('task_patterns').items() %}
        when regexp_matches({{ text_column }}, '{{ pattern | replace("'", "''") }}', 'i') then '{{ category | replace("'", "''") }}'
        {%- endfor %}
        else 'other'
    end
{%- endmacro -%}
