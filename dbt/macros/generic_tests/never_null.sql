{#- Fails for each of the columns that is NULL somewhere, with the number of such rows. One test per model, for each costs a query. -#}
{% test never_null(model, columns) %}
with counted as (

    select
        {%- for column in columns %}
        count(*) filter (where {{ column }} is null) as {{ column }}{{ "," if not loop.last }}
        {%- endfor %}
    from {{ model }}

)

select *
from (unpivot counted on columns(*) into name column_name value null_rows)
where null_rows > 0
{% endtest %}
