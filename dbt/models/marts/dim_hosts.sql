-- A table and no column of the facts: who works on a machine may be said later, and holds for what was collected before.
with files as (

    select
        host,
        count(*) filter (where source_file != '.') as file_count,
        arg_max(person, collected_at) as person
    from {{ ref('stg_transcript_files') }}
    where host is not null
    group by host

),

sessions as (

    select
        host,
        count(*) as session_count,
        min(started_at) as first_session_at,
        max(ended_at) as last_session_at
    from {{ ref('dim_sessions') }}
    where host is not null
    group by host

),

requests as (

    select
        host,
        count(*) as request_count
    from {{ ref('fct_api_requests') }}
    where host is not null
    group by host

),

hosts as (

    select host from files
    union
    select host from sessions
    union
    select host from requests

),

final as (

    select
        hosts.host,
        if(files.person is null, null, {{ surrogate_key(['files.person']) }}) as person_key,
        files.person,
        coalesce(files.file_count, 0) as file_count,
        coalesce(sessions.session_count, 0) as session_count,
        coalesce(requests.request_count, 0) as request_count,
        sessions.first_session_at,
        sessions.last_session_at
    from hosts
    left join files on hosts.host = files.host
    left join sessions on hosts.host = sessions.host
    left join requests on hosts.host = requests.host

)

select * from final
