{#- How a tool call ended, from the words that Claude Code puts into its result. -#}

{#-
  Why a failed call was refused, NULL where it was not. Newer versions say it beside the result (toolDenialKind); of the others only the
  text tells. It begins with the refusal, so that an output that merely quotes a refusal does not count as one.
  Words that any tool may say of itself count only where the tool is Claude Code's own: for one of MCP, ask stated_denial.
-#}
{%- macro denial_kind(result_text) -%}
    coalesce({{ stated_denial(result_text) }}, case
        when regexp_matches({{ result_text }}, '^Exit code') then null
        when regexp_matches({{ result_text }}, '^(Error: )?[^\n]{0,200}?requires? (your |user |explicit |manual )?approval') then 'permission-rule'
        when regexp_matches({{ result_text }}, '^(Error: )?[^\n]{0,200}?\b(was|were|been|is) (auto-?|automatically )(denied|rejected|blocked)') then 'automode-blocked'
    end)
{%- endmacro -%}

{#- The same by words that no tool says of itself. -#}
{%- macro stated_denial(result_text) -%}
    case
        when regexp_matches({{ result_text }}, '^(Error: )?(<tool_use_error>)?The user doesn''t want to (proceed|take this action)') then 'user-rejected'
        when regexp_matches({{ result_text }}, '^(Error: )?The agent proposed a plan that was rej') then 'user-rejected'
        when regexp_matches({{ result_text }}, '^(Error: )?(User|Tool use) (rejected|was rejected)') then 'user-rejected'
        when regexp_matches({{ result_text }}, '^(Error: )?Permission for this action was denied') then 'automode-blocked'
        when regexp_matches({{ result_text }}, '^(Error: )?Permission (to use|for) [^\n]* (been |was |is )?(auto-)?denied') then 'permission-rule'
        when regexp_matches({{ result_text }}, '^(Error: )?Claude requested permissions? to ') then 'permission-rule'
    end
{%- endmacro -%}

{#- True where a person stopped the call. Within a failed command the note stands on its own line, behind what it wrote. -#}
{%- macro is_interruption(result_text, result_interrupted) -%}
    coalesce({{ result_interrupted }}, false)
    or coalesce(regexp_matches({{ result_text }}, '(^|\n)\[Request interrupted by user'), false)
{%- endmacro -%}

{#- Lines that an edit of a notebook added by what it was asked to write, where its result does not say. -#}
{%- macro notebook_lines_added(call) -%}
    case
        when {{ call }}.tool_name != 'NotebookEdit' or {{ call }}.is_error or not {{ call }}.is_complete then null
        when {{ call }}.edit_mode = 'delete' then 0
        else {{ call }}.cell_lines
    end
{%- endmacro -%}

{#- Lines that it removed: none where it inserted a cell; of a cell that it replaced or deleted the text is not there. -#}
{%- macro notebook_lines_removed(call) -%}
    case
        when
            {{ call }}.tool_name = 'NotebookEdit' and {{ call }}.is_complete and not {{ call }}.is_error
            and {{ call }}.edit_mode = 'insert'
            then 0
    end
{%- endmacro -%}

{#- The command of a call that runs a shell, and the task that a call gives a sub-agent, as far as it is shown. -#}
{%- macro shell_command() -%}
    if(tool_name in ('Bash', 'PowerShell'), tool_input ->> '$.command', null)
{%- endmacro -%}
{%- macro agent_task() -%}
    if(tool_name in ('Task', 'Agent'), left(tool_input ->> '$.prompt', 500), null)
{%- endmacro -%}

{#- What a call says of itself, and what a failed one answered, as what tells whether two calls are the same. -#}
{%- macro command_digest() -%}
    md5({{ shell_command() }})
{%- endmacro -%}
{%- macro description_digest() -%}
    md5(tool_input ->> '$.description')
{%- endmacro -%}
{%- macro error_digest(result_text) -%}
    md5(left({{ result_text }}, 500))
{%- endmacro -%}

{#- True where Claude Code refused the input of a call, so that the tool did not begin. -#}
{%- macro is_refused_input(result_text) -%}
    starts_with({{ result_text }}, '<tool_use_error>')
{%- endmacro -%}
