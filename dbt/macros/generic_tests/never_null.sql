{#- Fails for each of the columns that is NULL somewhere, with the number of such rows. One test per model, for each costs a query. -#}
{% test never_null(model, columns) %}
with counted as (

    select
        unnest(['{{ columns | join("', '") }}']) as column_name,
        unnest([
            {%- for column in columns %}
            count(*) filter (where {{ column }} is null){{ "," if not loop.last }}
            {%- endfor %}
        ]) as null_rows
    from {{ model }}

)

select *
from counted
where null_rows > 0
{% endtest %}
