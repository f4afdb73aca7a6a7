{#-
  The tests of a table as one query over the rows that the build wrote: the same conditions as in the YAML, of which dbt would make a
  node each. Tests of sums (adds_up_to_responses) are not included; they run as separate tests.
-#}

{#- Whether this build leaves the tests of tables to one query each: selectors.yml names the tests that it runs besides. -#}
{%- macro tests_by_table() -%}
    {%- do return(built_load_id() or (execute and invocation_args_dict.get('selector') == 'from_nothing')) -%}
{%- endmacro -%}

{#-
  Rows (model, test, failures) of the tests of these models that fail. A query a model, one after the other, for all in one would hold the
  keys of every table in memory; over all rows those that hold keys are queries of their own.
-#}
{%- macro failing_tests_of_written_rows(names) -%}
    {%- set found, tests_of = [], {} -%}
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
            {%- set rows = run_query(
                "select * from (select unnest([" ~ checks | map(attribute='count') | join(', ') ~ "], recursive := true) from (select "
                ~ (['*'] + checks | map(attribute='column') | select | list) | join(', ')
                ~ " from " ~ source ~ ")) where failures > 0").rows -%}
            {%- for row in rows -%}
                {%- do found.append("select '" ~ name ~ "' as model, '" ~ row[0] ~ "' as test, " ~ row[1] ~ " as failures") -%}
            {%- endfor -%}
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
