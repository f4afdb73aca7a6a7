{#-
  Local dates and hours. Instants are TIMESTAMPTZ; every cut into days or hours names its timezone here, so no result
  depends on the TimeZone setting of the session that reads or builds.
-#}

{%- macro timezone_name() -%}
    {{- (var('timezone') or env_var('TIMEZONE', '') or 'UTC') | replace("'", "''") -}}
{%- endmacro -%}

{#- The wall clock's TIMESTAMP at an instant. -#}
{%- macro local_time(instant) -%}
    timezone('{{ timezone_name() }}', {{ instant }})
{%- endmacro -%}

{#- The local DATE of an instant. -#}
{%- macro local_date(instant) -%}
    cast({{ local_time(instant) }} as date)
{%- endmacro -%}

{#- The local hour 0..23 of an instant. -#}
{%- macro local_hour(instant) -%}
    cast(hour({{ local_time(instant) }}) as integer)
{%- endmacro -%}

{#- A DATE as the INTEGER yyyymmdd that keys dim_date. -#}
{%- macro date_key(date_column) -%}
    cast(year({{ date_column }}) * 10000 + month({{ date_column }}) * 100 + day({{ date_column }}) as integer)
{%- endmacro -%}

{#- The key in dim_date of the local date of an instant. -#}
{%- macro local_date_key(instant) -%}
    {{ date_key(local_date(instant)) }}
{%- endmacro -%}

{#- Milliseconds between two instants, NULL where one is missing; never negative, for clocks of two machines may disagree. -#}
{%- macro milliseconds_between(started_at, ended_at) -%}
    if({{ ended_at }} < {{ started_at }}, 0, date_diff('millisecond', {{ started_at }}, {{ ended_at }}))
{%- endmacro -%}

{#- True for instants inside vars start_date..end_date by local date. -#}
{%- macro within_dates(instant) -%}
    {%- set bounds = [] -%}
    {%- if var('start_date') -%}
        {%- do bounds.append(local_date(instant) ~ " >= cast('" ~ var('start_date') ~ "' as date)") -%}
    {%- endif -%}
    {%- if var('end_date') -%}
        {%- do bounds.append(local_date(instant) ~ " <= cast('" ~ var('end_date') ~ "' as date)") -%}
    {%- endif -%}
    {{- bounds | join(' and ') if bounds else 'true' -}}
{%- endmacro -%}
