{#- Commits and pull requests in the output of git and of the command lines of GitHub and GitLab, for versions that report no gitOperation. -#}

{#- How git tells of a commit: [branch sha] subject. -#}
{%- macro commit_pattern() -%}
    '(?m)^\[([^\]\n]*?) (?:\(root-commit\) )?([0-9a-f]{7,40})\] '
{%- endmacro -%}

{#- The address that a created pull or merge request has. -#}
{%- macro pull_request_pattern() -%}
    'https?://[^\s/]+/([^\s]+?)/(?:pull|-/merge_requests)/([0-9]+)'
{%- endmacro -%}

{#- True for a command that commits, and for one that opens a pull request. -#}
{%- macro commits(command) -%}
    regexp_matches({{ command }}, '\bgit\b[^|;&\n]*\b(commit|cherry-pick|revert)\b')
{%- endmacro -%}
{%- macro opens_pull_request(command) -%}
    regexp_matches({{ command }}, '\b(gh\b[^|;&\n]*\bpr|glab\b[^|;&\n]*\bmr)\s+create\b')
{%- endmacro -%}

{#- The lines of a shell command's output that tell of commits and pull requests; NULL where the command makes none. -#}
{%- macro git_output(call) -%}
    case
        when {{ call }}.git_operation is not null then null
        when {{ commits(call ~ ".command_text") }} or {{ opens_pull_request(call ~ ".command_text") }}
            then array_to_string(list_concat(
                if(
                    {{ commits(call ~ ".command_text") }},
                    regexp_extract_all({{ call }}.result_text, {{ commit_pattern() }}), []
                ),
                if(
                    {{ opens_pull_request(call ~ ".command_text") }},
                    regexp_extract_all({{ call }}.result_text, {{ pull_request_pattern() }}), []
                )
            ), chr(10))
    end
{%- endmacro -%}
