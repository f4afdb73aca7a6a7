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

{#-
  Where Claude Code and the tools around it put worktrees: in a folder of the repository, in one beside it that is named after it, or in
  one of the home directory that has a folder for each repository.
-#}

{#- The repository that a folded path belongs to: the path itself, but for a worktree. -#}
{%- macro repository_path(path) -%}
    coalesce(
        nullif(regexp_extract({{ path }}, '^(.+?)/(\.claude/worktrees|\.worktrees|\.git/worktrees)/[^/]', 1), ''),
        nullif(regexp_extract({{ path }}, '^(.+/\.claude-worktrees/[^/]+)/', 1), ''),
        nullif(regexp_extract({{ path }}, '^(.*[^/])[-.]worktrees/[^/]', 1), ''),
        {{ path }}
    )
{%- endmacro -%}

{#- The name of the worktree that a folded path lies in; NULL where it is in none. -#}
{%- macro worktree_name(path) -%}
    coalesce(
        nullif(regexp_extract({{ path }}, '/(?:\.claude/worktrees|\.worktrees|\.git/worktrees)/([^/]+)', 1), ''),
        nullif(regexp_extract({{ path }}, '/\.claude-worktrees/[^/]+/([^/]+)', 1), ''),
        nullif(regexp_extract({{ path }}, '[^/][-.]worktrees/([^/]+)', 1), '')
    )
{%- endmacro -%}
