{#- Paths as they are compared. Windows writes one path in several ways: separators and the letter of a drive are folded, nothing else. -#}

{#- True for a path of Windows: a drive letter, or two backslashes before a server's name. -#}
{%- macro is_windows_path(path) -%}
    regexp_matches({{ path }}, '^([A-Za-z]:([\\/]|$)|\\\\)')
{%- endmacro -%}

{#- A path with one spelling: on Windows slashes, and the drive's letter in lower case. A backslash elsewhere is part of a name. -#}
{%- macro folded_path(path) -%}
    if(
        {{ is_windows_path(path) }},
        replace(lower(left({{ path }}, 1)) || substr({{ path }}, 2), chr(92), '/'),
        {{ path }}
    )
{%- endmacro -%}
