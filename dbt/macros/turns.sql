{#- Text without the wrappers that Claude Code and IDE extensions put before what a person typed. -#}
{%- macro typed_text(text_column) -%}
    {{ trimmed_text("regexp_replace(" ~ text_column ~ ",
        '(?s)^(\\s*<(system-reminder|ide_opened_file|ide_selection|ide_diagnostics)>.*?'
        || '</(system-reminder|ide_opened_file|ide_selection|ide_diagnostics)>)+',
        ''
    )") }}
{%- endmacro -%}

{#-
  True where a user line says that no person wrote it: newer versions name the author (origin, promptSource), a plan that was accepted is
  Claude's own, and of what was queued only prompts and commands are a person's.
-#}
{%- macro is_not_human() -%}
    (
        has_plan_content
        or coalesce(origin_kind != 'human', false)
        or coalesce(origin_kind is null and prompt_source = 'system', false)
        or coalesce(command_mode not in ('prompt', 'bash'), false)
    )
{%- endmacro -%}

{#-
  True for a text that another session, a teammate, a schedule, a task or a hook sent, by the element that Claude Code wraps it in; of
  versions that do not name the author, the only sign. Version 2.1.49 queued tasks as JSON.
-#}
{%- macro is_wrapped_by_another(text_column) -%}
    (regexp_matches(
        {{ text_column }},
        '^(<([a-z]+-)*(notification|teammate-message|session-message|agent-message|channel-message|scheduled-task|'
        || 'scheduled-prompt|cron-task|cron-job|wakeup|submit-hook|background-task|resource-update|polling-update|boilerplate)[ >/]'
        || '|<tick>|\[SYSTEM NOTIFICATION|Another Claude session sent a message:|Stop hook feedback:|Caveat: The messages below)'
    )
    or (
        starts_with({{ text_column }}, '{')
        and json_valid({{ text_column }})
        and regexp_matches({{ text_column }}, '"(task_id|taskId|task-id|agent_id|agentId|tool_use_id|toolUseId)"\s*:')
    ))
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

{#- Types of blocks that call a tool: Claude Code's own, and those that the API or a server of MCP runs itself. -#}
{%- macro tool_use_types() -%}
    'tool_use', 'server_tool_use', 'mcp_tool_use'
{%- endmacro -%}

{#- Kinds of content blocks that a message counts: column -> block types. -#}
{%- macro block_kinds() -%}
    {%- do return({
        'text_block_count': ['text'],
        'thinking_block_count': ['thinking', 'redacted_thinking'],
        'tool_use_block_count': ['tool_use', 'server_tool_use', 'mcp_tool_use'],
        'tool_result_block_count': ['tool_result'],
        'media_block_count': ['image', 'document'],
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

{#- True for Claude Code's own history of prompts (history.jsonl beside the folder of the transcripts). -#}
{%- macro is_prompt_history(source_file) -%}
    coalesce(ends_with({{ source_file }}, '../history.jsonl'), false)
{%- endmacro -%}
