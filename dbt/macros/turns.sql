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

{#- Kinds of content blocks that a message counts: column -> block types. -#}
{%- macro block_kinds() -%}
    {%- do return({
        'text_blocks': ['text'],
        'thinking_blocks': ['thinking', 'redacted_thinking'],
        'tool_use_blocks': ['tool_use'],
        'tool_result_blocks': ['tool_result'],
        'media_blocks': ['image', 'document'],
    }) -%}
{%- endmacro -%}

{#- One column per kind of block, by a count whose {} takes the condition; a block without a type is of no kind. -#}
{%- macro block_counts(count) -%}
    {%- for name, types in block_kinds().items() -%}
        {{ count.format("coalesce(block_type, '') in ('" ~ types | join("', '") ~ "')") }} as {{ name }}{{ ",\n        " if not loop.last }}
    {%- endfor -%}
{%- endmacro -%}

{#- One column per kind of block, from the counts of a line's first block and of its further ones. -#}
{%- macro block_sums(first, further) -%}
    {%- for name in block_kinds() -%}
        {{ first }}.{{ name }} + coalesce({{ further }}.{{ name }}, 0) as {{ name }}{{ ",\n        " if not loop.last }}
    {%- endfor -%}
{%- endmacro -%}
