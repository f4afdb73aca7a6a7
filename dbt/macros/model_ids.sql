{#- Ids of models in every spelling that is met, at one place. -#}

{#- What may stand behind an id and names the same model: context length, an alias, thinking, a tag of a gateway, and fast mode. -#}
{%- macro model_marks() -%}
    '(\[[0-9]+[km]\]|@(default|latest)|-(thinking|fast)(-[0-9]+k)?|:(beta|thinking|fast))+$'
{%- endmacro -%}

{#-
  A model id as the price list writes it: without gateway path, vendor, region and marks.
  us.anthropic.claude-sonnet-4-5-20250929-v1:0 -> claude-sonnet-4-5-20250929
-#}
{%- macro normalised_model(model) -%}
    regexp_replace(
        regexp_replace(
            replace(
                regexp_replace(
                    regexp_replace(regexp_replace(lower({{ model }}), '^.*/', ''), {{ model_marks() }}, ''),
                    '^([a-z0-9-]+\.)*anthropic[.:_-]+|^(databricks|bedrock|vertex|azure|aws|gcp|google)[.:_-]+', ''
                ), '@', '-'
            ), '^(claude-.*[^-])-v[0-9]+(:[0-9]+)?$', '\1'
        ), {{ model_marks() }}, ''
    )
{%- endmacro -%}

{#- True where the id itself says that the model ran in fast mode, before or behind the revision of a vendor (-v1:0). -#}
{%- macro is_fast_model(model) -%}
    (
        regexp_matches(regexp_extract(lower({{ model }}), {{ model_marks() }}), '[-:]fast')
        or regexp_matches(regexp_extract(
            regexp_replace(regexp_replace(lower({{ model }}), {{ model_marks() }}, ''), '-v[0-9]+(:[0-9]+)?$', ''),
            {{ model_marks() }}
        ), '[-:]fast')
    )
{%- endmacro -%}

{#- A normalised id with dashes for the dots of its version. -#}
{%- macro dashed_model(model) -%}
    regexp_replace(regexp_replace({{ model }}, '([0-9])\.([0-9])', '\1-\2', 'g'), '([0-9])\.([0-9])', '\1-\2', 'g')
{%- endmacro -%}

{#- The spellings of a normalised id: as it is, with dashes for dots, and with the family before the version. -#}
{%- macro model_spellings(model) -%}
    [
        {{ model }},
        {{ dashed_model(model) }},
        regexp_replace({{ dashed_model(model) }}, '^claude-([0-9]+(?:-[0-9]{1,2})?)-([a-z]+)', 'claude-\2-\1')
    ]
{%- endmacro -%}

{#-
  True for an id that is a family and a version and nothing else. The list's patterns match what begins like an id, too; anything that
  stands behind may be a dearer variant, which has no known price rather than the base price.
-#}
{%- macro is_plain_model(model) -%}
    regexp_matches(
        regexp_replace({{ model }}, '(-latest|-v[0-9]+|-[0-9]{8}|-[0-9]{4}-[0-9]{2}-[0-9]{2})+$', ''),
        '^claude-(([a-z]+-)?v?[0-9]+([.-][0-9]{1,2}){0,2}|[0-9]+([.-][0-9]{1,2})?-[a-z]+|instant-v?[0-9.]+)$'
    )
{%- endmacro -%}
