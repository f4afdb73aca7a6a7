{#- Fails for each of the columns (or the one it stands at) that is below zero somewhere, with the number of such rows. -#}
{% test not_negative(model, columns=none, column_name=none) %}
{%- set columns = columns or [column_name] %}
with counted as (

    select
        {%- for column in columns %}
        count(*) filter (where {{ column }} < 0) as {{ column }}{{ "," if not loop.last }}
        {%- endfor %}
    from {{ model }}

)

select *
from (unpivot counted on columns(*) into name column_name value negative_rows)
where negative_rows > 0
{% endtest %}
