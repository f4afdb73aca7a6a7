-- What a team used in each week that has ended, in rows that nobody stands out of: each has at least `team_least_people` people. Values with
-- fewer share one row; where they have too few even together, the value with the fewest people above the bound joins them, so that no
-- row less the others gives a smaller group. A view: what is published as team aggregates only is made from it as it is copied.
{{ config(materialized='view') }}

with requests as (

    select
        requests.*,
        cast(date_trunc('week', days.full_date) as date) as week_start,
        coalesce(hosts.person, requests.host) as person,
        coalesce(projects.project_name, requests.project_id, '(none)') as project_name
    from {{ ref('fct_api_requests') }} as requests
    inner join {{ ref('dim_date') }} as days on requests.date_key = days.date_key
    left join {{ ref('dim_hosts') }} as hosts on requests.host = hosts.host
    left join {{ ref('dim_projects') }} as projects on requests.project_id = projects.project_id

),

-- Where one person works alone no week qualifies, and the steps below read no rows.
weeks_of_enough_people as (

    select week_start
    from requests
    group by week_start
    having count(distinct person) >= {{ var('team_least_people') }}

),

ended as (

    select * from requests
    where
        week_start + interval 7 day <= {{ local_date('current_timestamp') }}
        and week_start in (select week_start from weeks_of_enough_people)

),

divided as (

    {% for breakdown, name in [('all', "'all'"), ('model', 'model'), ('project', 'project_name')] -%}
        select
            *,
            '{{ breakdown }}' as breakdown,
            {{ name }} as name
        from ended
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

sizes as (

    select
        week_start,
        breakdown,
        name,
        count(distinct person) as person_count,
        count(distinct person) < {{ var('team_least_people') }} as is_small
    from divided
    group by week_start, breakdown, name

),

small as (

    select
        divided.week_start,
        divided.breakdown,
        count(distinct divided.person) as person_count
    from divided
    inner join sizes
        on
            divided.week_start = sizes.week_start
            and divided.breakdown = sizes.breakdown and divided.name = sizes.name
    where sizes.is_small
    group by divided.week_start, divided.breakdown

),

ranked as (

    select
        *,
        row_number() over (partition by week_start, breakdown, is_small order by person_count, name) as place
    from sizes

),

shared as (

    select
        ranked.week_start,
        ranked.breakdown,
        ranked.name,
        ranked.is_small
        or coalesce(ranked.place = 1 and small.person_count < {{ var('team_least_people') }}, false) as is_rest
    from ranked
    left join small on ranked.week_start = small.week_start and ranked.breakdown = small.breakdown

),

named as (

    select
        divided.* exclude (name),
        shared.is_rest,
        if(shared.is_rest, null, divided.name) as name
    from divided
    inner join shared
        on
            divided.week_start = shared.week_start
            and divided.breakdown = shared.breakdown and divided.name = shared.name

),

final as (

    select
        {{ surrogate_key(['week_start', 'breakdown', 'name']) }} as team_usage_key,
        week_start,
        breakdown,
        name,
        count(distinct person) as person_count,
        count(distinct session_id) as session_count,
        {{ usage_measures() }}
    from named
    group by week_start, breakdown, name
    having count(distinct person) >= {{ var('team_least_people') }}

)

select * from final
