{#- What a text that a person or a program typed says of itself. -#}

{#- What a user's text is, by how it begins, without the wrappers. -#}
{%- macro typed_kind(typed) -%}
    case
        when coalesce({{ typed }}, '') = '' then 'nothing'
        when starts_with({{ typed }}, 'This session is being continued') then 'continuation'
        when starts_with({{ typed }}, '[Request interrupted') then 'interruption'
        when regexp_matches({{ typed }}, '^<command-(name|message)>') then 'slash_command'
        when starts_with({{ typed }}, '<bash-input>') then 'shell_command'
        when regexp_matches({{ typed }}, '^(<local-command-|<bash-std(out|err)>)') then 'command_output'
        when {{ is_wrapped_by_another(typed) }} then 'wrapped'
        else 'words'
    end
{%- endmacro -%}

{#- The name of the slash command that a text calls. -#}
{%- macro slash_command(typed) -%}
    nullif(
        ltrim(coalesce(
            nullif(regexp_extract({{ typed }}, '(?s)<command-name>\s*(.*?)\s*</command-name>', 1), ''),
            regexp_extract({{ typed }}, '(?s)<command-message>\s*(\S*).*?</command-message>', 1)
        ), '/'), ''
    )
{%- endmacro -%}

{#- How a sub-agent's task begins, as what tells it from others. -#}
{%- macro opening_digest(task) -%}
    md5(left({{ task }}, 500))
{%- endmacro -%}

{#- Text without white space around it. -#}
{%- macro trimmed_text(text_column) -%}
    trim({{ text_column }}, ' ' || chr(9) || chr(10) || chr(13))
{%- endmacro -%}

{#- True for an entry of the history of prompts that is a prompt: no command, and not empty. -#}
{%- macro is_typed_prompt(text_column) -%}
    ({{ text_column }} != '' and not regexp_matches({{ text_column }}, '^(!|/[A-Za-z][A-Za-z0-9:_-]*(\s|$))'))
{%- endmacro -%}
