{#-
  What the figures need of texts that are no longer kept (TEXT_RETENTION_DAYS): of a line whose text was removed, kept_facts holds each value
  that was derived from it. stg_text_facts derives them all, once more, by the same macros.
-#}

{#- The value that was kept where the text is gone, else what `derived` makes of the text. -#}
{%- macro kept_or(name, derived, type='varchar', of='') -%}
    if({{ of }}kept_facts is null, {{ derived }}, try_cast({{ of }}kept_facts ->> '$.{{ name }}' as {{ type }}))
{%- endmacro -%}

{#- A text as what tells whether two are equal. -#}
{%- macro text_digest(of='') -%}
    {{ kept_or('text_digest', 'md5(' ~ of ~ 'block_text)', of=of) }}
{%- endmacro -%}
{%- macro typed_digest(of='') -%}
    {{ kept_or('typed_digest', 'md5(' ~ typed_text(of ~ 'block_text') ~ ')', of=of) }}
{%- endmacro -%}
{%- macro trimmed_digest(of='') -%}
    {{ kept_or('trimmed_digest', 'md5(trim(' ~ of ~ 'block_text))', of=of) }}
{%- endmacro -%}

{#- True where a block has, or had, a text. -#}
{%- macro has_text(of='') -%}
    ({{ of }}block_text is not null or ({{ of }}kept_facts ->> '$.text_digest') is not null)
{%- endmacro -%}

{#- The characters, and the bytes, of a block's text; NULL where it has none. -#}
{%- macro length_of_text(of='') -%}
    {{ kept_or('text_length', 'length(' ~ of ~ 'block_text)', 'bigint', of) }}
{%- endmacro -%}
{%- macro bytes_of_text(of='') -%}
    {{ kept_or('text_bytes', 'strlen(' ~ of ~ 'block_text)', 'bigint', of) }}
{%- endmacro -%}
