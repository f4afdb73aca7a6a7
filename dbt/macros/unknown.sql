{#- What the seeds do not know. It is counted like anything else, and shown in agg_data_quality. -#}

{%- macro is_unknown_line_type(line_type) -%}
    coalesce({{ line_type }}, '') not in (select line_type from {{ ref('known_line_types') }})
    and not starts_with(coalesce({{ line_type }}, ''), 'artifact-')
{%- endmacro -%}

{%- macro is_unknown_tool(tool_name) -%}
    {{ tool_name }} not in (select tool_name from {{ ref('tool_categories') }})
    and not starts_with({{ tool_name }}, 'mcp__')
{%- endmacro -%}

{#- A reason without the place in the line that it names (at character 17, line 1 column 5), so that equal faults are one kind. -#}
{%- macro without_positions(reason) -%}
    regexp_replace(
        {{ reason }},
        '[ ,:;(]*\b(at |in |near |from )?(character|char|column|line|position|offset|byte|pos)s?[ :]*[0-9]+\)?', '', 'g'
    )
{%- endmacro -%}
