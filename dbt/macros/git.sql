{#- Commits and pull requests in the output of git and of the command lines of GitHub and GitLab, for versions that report no gitOperation. -#}

{#- How git tells of a commit: [branch sha] subject. -#}
{%- macro commit_pattern() -%}
    '(?m)^\[([^\]\n]*?) (?:\(root-commit\) )?([0-9a-f]{7,40})\] '
{%- endmacro -%}

{#- The address that a created pull or merge request has. -#}
{%- macro pull_request_pattern() -%}
    'https?://[^\s/]+/([^\s]+?)/(?:pull|-/merge_requests)/([0-9]+)'
{%- endmacro -%}

{#- A word of a shell command, for a regular expression within quotes. -#}
{%- macro shell_word() -%}
    ("[^"]*"|''[^'']*''|[^\s"''|;&])+
{%- endmacro -%}

{#-
  True for a command that commits, and for one that opens a pull request. Only options stand between git and its command: a file or a
  setting that is named after one (.git/hooks/commit-msg, git config commit.gpgsign) commits nothing.
-#}
{%- macro commits(command) -%}
    regexp_matches(
        {{ command }},
        '\bgit([ \t]+(-[cC][ \t]+{{ shell_word() }}|--?[A-Za-z-]+(={{ shell_word() }})?))*[ \t]+(commit|cherry-pick|revert)([^A-Za-z0-9_-]|$)'
    )
{%- endmacro -%}
{#- What a command does that commits; NULL for every other. -#}
{%- macro commit_action(command) -%}
    case
        when not {{ commits(command) }} then null
        when regexp_matches({{ command }}, '\bcherry-pick\b') then 'cherry-picked'
        when regexp_matches({{ command }}, '\s--amend\b') then 'amended'
        when {{ command }} is not null then 'committed'
    end
{%- endmacro -%}
{%- macro opens_pull_request(command) -%}
    regexp_matches({{ command }}, '\b(gh\b[^|;&\n]*\bpr|glab\b[^|;&\n]*\bmr)\s+create\b')
{%- endmacro -%}

{#- True where Claude Code reports a commit, or a pull request, of a call. A push by itself says nothing of what was committed. -#}
{%- macro reports_git(call, kind) -%}
    (json_type({{ call }}git_operation, '$.{{ kind }}') is not distinct from 'OBJECT')
{%- endmacro -%}

{#- The lines of a shell command's output that tell of what it made and nobody reports; NULL where there is no such thing. -#}
{%- macro git_output(call) -%}
    {%- set committed = call ~ ".commit_action is not null and not " ~ reports_git(call ~ ".", "commit") -%}
    {%- set opened = call ~ ".opens_pull_request and not " ~ reports_git(call ~ ".", "pr") -%}
    case
        when ({{ committed }}) or ({{ opened }})
            then array_to_string(list_concat(
                if({{ committed }}, regexp_extract_all({{ call }}.result_notes, {{ commit_pattern() }}), []),
                -- a pull request that "already exists" was opened by another call
                if(
                    {{ opened }} and not contains({{ call }}.result_notes, 'already exists'),
                    regexp_extract_all({{ call }}.result_notes, {{ pull_request_pattern() }}), []
                )
            ), chr(10))
    end
{%- endmacro -%}

{#- True for a call that committed, or opened a pull request, of which neither Claude Code nor the output tells. -#}
{%- macro is_silent_commit() -%}
    (
        outcome = 'success' and commit_action is not null and not {{ reports_git('', 'commit') }}
        and not regexp_matches(git_output, '(?m)^\[')
    )
{%- endmacro -%}
{%- macro is_silent_pull_request() -%}
    (
        outcome = 'success' and opens_pull_request and not {{ reports_git('', 'pr') }}
        and not regexp_matches(git_output, '(?m)^http')
    )
{%- endmacro -%}

{#- How many of something there are; NULL, not recorded, where none is known and one was made all the same. -#}
{%- macro recorded_count(known, silent) -%}
    if(coalesce({{ known }}, 0) = 0 and {{ silent }} > 0, null, coalesce({{ known }}, 0))
{%- endmacro -%}
