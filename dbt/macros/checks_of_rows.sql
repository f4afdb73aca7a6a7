{#-
  SQL that counts the rows on which a test fails, the column beside the model's own that it needs, and whether it holds every key in memory;
  none for other kinds of tests.
-#}
{%- macro written_rows_check(test, number) -%}
    {%- set kind, given = test.test_metadata.name, test.test_metadata.kwargs -%}
    {%- set applies = render(test.config.get('where') or 'true') -%}
    {%- set column, failures, beside = given.get('column_name'), none, none -%}
    {%- if kind == 'not_null' -%}
        {%- set failures = fails_where(column ~ ' is null', applies) -%}
    {%- elif kind == 'never_null' -%}
        {%- set failures = fails_where(given['columns'] | join(' is null or ') ~ ' is null', applies) -%}
    {%- elif kind == 'not_negative' -%}
        {%- set failures = fails_where((given.get('columns') or [column]) | join(' < 0 or ') ~ ' < 0', applies) -%}
    {%- elif kind == 'holds' -%}
        {%- set failures = fails_where('not (' ~ render(given['condition']) ~ ')', applies) -%}
    {%- elif kind == 'accepted_values' -%}
        {%- set mark = "'" if given.get('quote', true) else '' -%}
        {%- set failures = fails_where(column ~ ' not in (' ~ mark ~ given['values'] | join(mark ~ ', ' ~ mark) ~ mark ~ ')', applies) -%}
    {%- elif kind == 'unique' -%}
        {%- set failures = repeated(column, applies) -%}
    {%- elif kind == 'unique_together' -%}
        {%- set failures = repeated('row(' ~ given['columns'] | join(', ') ~ ')', applies) -%}
    {%- elif kind == 'relationships' -%}
        {%- set others = test.depends_on.nodes | reject('equalto', test.attached_node) | list -%}
        {%- set parent = graph.nodes[(others + [test.attached_node]) | first] -%}
        {%- set beside = '(' ~ column ~ ' is not null and ' ~ column ~ ' not in (select ' ~ given['field'] ~ ' from ' ~ parent.relation_name ~ ' where ' ~ given['field'] ~ ' is not null)) as orphan_' ~ number -%}
        {%- set failures = fails_where('orphan_' ~ number, applies) -%}
    {%- endif -%}
    {%- if failures -%}
        {%- set count = "{'test': '" ~ test.name | replace("'", "''") ~ "', 'failures': " ~ failures ~ "}" -%}
        {%- set holds_keys = kind in ('unique', 'unique_together', 'relationships') -%}
        {%- do return({'count': count, 'column': beside, 'holds_keys': holds_keys}) -%}
    {%- endif -%}
{%- endmacro -%}

{%- macro repeated(key, applies) -%}
    count({{ key }}) filter (where {{ applies }}) - count(distinct {{ key }}) filter (where {{ applies }})
{%- endmacro -%}

{%- macro fails_where(condition, applies) -%}
    count(*) filter (where ({{ condition }}) and ({{ applies }}))
{%- endmacro -%}
