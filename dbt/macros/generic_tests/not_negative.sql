{#- Fails for each of the columns (or the one it stands at) that is below zero somewhere, with the number of such rows. -#}
{% test not_negative(model, columns=none, column_name=none) %}
{%- set columns = columns or [column_name] %}
with counted as (

    select
        unnest(['{{ columns | join("', '") }}']) as column_name,
        unnest([
            {%- for column in columns %}
            count(*) filter (where {{ column }} < 0){{ "," if not loop.last }}
            {%- endfor %}
        ]) as negative_rows
    from {{ model }}

)

select *
from counted
where negative_rows > 0
{% endtest %}
