{#- Fails for each row on which the condition is not true; a condition that is NULL holds, for then a value is not known. -#}
{% test holds(model, condition, column_name=none) %}
select *
from {{ model }}
where not ({{ condition }})
{% endtest %}
