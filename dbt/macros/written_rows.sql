{#-
  The tests of a table as one query over the rows that the build wrote: the same conditions as in the YAML, of which dbt would make a
  node each. Tests of sums (adds_up_to_responses) are not included; they run as separate tests.
-#}

{#- Whether this build leaves the tests of tables to one query each: selectors.yml names the tests that it runs besides. -#}
{%- macro tests_by_table() -%}
    {%- do return(built_load_id() or (execute and invocation_args_dict.get('selector') == 'from_nothing')) -%}
{%- endmacro -%}

{#-
  Rows (model, test, failures) of the tests of these models that fail. Over all rows there is a query a model, one after the other, and those
  that hold keys are queries of their own: all in one would hold the keys of every table in memory. Over written rows eight go together.
-#}
{%- macro failing_tests_of_written_rows(names) -%}
    {%- set found, queries, tests_of = [], [], {} -%}
    {%- for test in (graph.nodes.values() if execute else []) if test.resource_type == 'test' and test.config.severity | lower == 'error' -%}
        {%- do tests_of.setdefault(test.attached_node, []).append(test) -%}
    {%- endfor -%}
    {%- for name in names -%}
        {%- set node = graph.nodes['model.' ~ project_name ~ '.' ~ name] or graph.nodes['seed.' ~ project_name ~ '.' ~ name] -%}
        {%- set together, apart = [], [] -%}
        {%- for test in tests_of.get(node.unique_id, []) -%}
            {%- set check = written_rows_check(test, loop.index) -%}
            {%- if check -%}
                {%- do (apart if check.holds_keys and not built_load_id() else together).append(check) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- set written = is_written(node) | trim -%}
        {%- set source = node.relation_name if written == 'true' else rows_where(node.relation_name, written) -%}
        {%- for checks in ([together] if together else []) + apart | batch(1) | list -%}
            {%- do queries.append(
                "select '" ~ name ~ "' as model, test, failures from (select unnest([" ~ checks | map(attribute='count') | join(', ')
                ~ "], recursive := true) from (select " ~ (['*'] + checks | map(attribute='column') | select | list) | join(', ')
                ~ " from " ~ source ~ ")) where failures > 0") -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- for some in queries | batch(8 if built_load_id() else 1) -%}
        {%- for row in run_query(some | join(' union all ')).rows -%}
            {%- do found.append("select '" ~ row[0] ~ "' as model, '" ~ row[1] ~ "' as test, " ~ row[2] ~ " as failures") -%}
        {%- endfor -%}
    {%- endfor -%}
    {{- found | join(' union all ') if found else "select null as model, null as test, 0 as failures where false" -}}
{%- endmacro -%}

{#- SQL: did this build write the row? A row without a session key counts as written, so that a lost key is found. -#}
{%- macro is_written(node) -%}
    {%- if not built_load_id() -%}
        true
    {%- elif is_by_session(node) -%}
        coalesce({{ is_of_touched_sessions(node) }}, true)
    {%- elif node.config.materialized == 'incremental' -%}
        {{- is_of_touched_days() -}}
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro -%}
