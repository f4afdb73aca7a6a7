{#- The views once more, over the lines of the touched sessions: touched.sql says what for. -#}

{#- An empty table for each by_session model of the intermediate layer, and each view again, over these and the touched lines. -#}
{%- macro create_twins() -%}
    {%- set models = graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') | selectattr('config.enabled') | list -%}
    {%- set tables = models | selectattr('config.incremental_strategy', 'equalto', 'by_session') | selectattr('schema', 'equalto', 'intermediate') | list -%}
    {%- set views = models | selectattr('config.materialized', 'equalto', 'view') | list -%}
    {%- for node in tables if load_relation(api.Relation.create(database=node.database, schema=node.schema, identifier=node.name)) -%}
        {%- do run_query('create table touched.' ~ node.name ~ ' as from intermediate.' ~ node.name ~ ' limit 0') -%}
    {%- endfor -%}
    {%- set names = (tables + views) | map(attribute='name') | join('|') -%}
    {%- set found = run_query(
        "select view_name, regexp_replace(regexp_replace(sql, '(\"?[A-Za-z0-9_]+\"?\\.)?\"?(staging|intermediate)\"?\\.\"?(" ~ names
        ~ ")\"?([^A-Za-z0-9_]|$)', 'touched.\\3\\4', 'g'), '(\"?[A-Za-z0-9_]+\"?\\.)?\"?raw\"?\\.\"?conversations\"?([^A-Za-z0-9_]|$)',"
        ~ " 'touched.conversations\\2', 'g') from duckdb_views() where schema_name in ('staging', 'intermediate')") -%}
    {%- set sql_of = {} -%}
    {%- for row in found.rows -%}{%- do sql_of.update({row[0]: row[1]}) -%}{%- endfor -%}
    {%- set made = [] -%}
    {%- for _ in views -%}
        {%- for node in views if node.unique_id not in made and node.name in sql_of -%}
            {%- set open = node.depends_on.nodes | reject('in', made) | select('in', views | map(attribute='unique_id') | list) | list -%}
            {%- if not open -%}
                {%- do run_query(sql_of[node.name]) -%}
                {%- do made.append(node.unique_id) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
{%- endmacro -%}
