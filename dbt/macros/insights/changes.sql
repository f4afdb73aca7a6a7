{#- What agg_cost_changes compares: the days from `changed_on` on with as many before, of one project where it names one. -#}
{%- macro cost_change_events(days) -%}
    select
        'period' as change_kind,
        'last {{ var("change_period_days") }} days' as subject,
        cast(max(day) - {{ var('change_period_days') - 1 }} as date) as changed_on,
        {{ var('change_period_days') }} as compared_days,
        cast(null as varchar) as project_id
    from {{ days }}
    having count(*) > 0
    {%- for thing in ['model', 'version'] %}
    union all
    -- what is used for most of the answers from its first day on is a change, what is tried once is not
    select
        '{{ thing }}',
        firsts.{{ thing }},
        firsts.changed_on,
        {{ var('change_days') }},
        null
    from (
        select
            {{ thing }},
            min(day) as changed_on
        from {{ days }}
        where {{ thing }} is not null and response_count > 0
        group by {{ thing }}
    ) as firsts
    inner join {{ days }}
        on
            {{ days }}.day >= firsts.changed_on
            and {{ days }}.day < firsts.changed_on + {{ var('change_days') }}
    group by firsts.{{ thing }}, firsts.changed_on
    having
        sum({{ days }}.response_count) filter (where {{ days }}.{{ thing }} = firsts.{{ thing }})
        >= {{ var('change_least_share') }} * sum({{ days }}.response_count)
    {%- endfor %}
    union all
    -- edits of one file within the compared days are one change, the first of them
    select
        'instructions',
        file_path,
        day,
        {{ var('change_days') }},
        project_id
    from (
        select distinct
            file_path,
            project_id,
            make_date(date_key // 10000, date_key // 100 % 100, date_key % 100) as day
        from {{ ref('fct_file_operations') }}
        where file_name in ('CLAUDE.md', 'AGENTS.md') and is_change and date_key is not null
    )
    qualify coalesce(day - lag(day) over (partition by file_path, project_id order by day), 1000000) >= {{ var('change_days') }}
{%- endmacro -%}
