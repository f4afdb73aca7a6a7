{{ config(materialized='incremental', incremental_strategy='by_session') }}
{#- Not beside fct_messages: a long history leaves no memory for both. Said while dbt parses, for no row is read. -#}
{%- if not execute %}{% do ref('fct_messages') %}{% endif %}

with calls as (

    select * from {{ ref('int_tool_usage') }}

),

final as (

    select
        tool_call_key,
        tool_use_id,
        load_id,
        session_id,
        session_key,
        project_id,
        agent_id,
        {{ agent_key('session_id', 'agent_id') }} as agent_key,
        request_key,
        message_key,
        message_id,
        tool_name,
        tool_category,
        mcp_server,
        skill_name,
        is_subagent,
        is_progress_only,
        started_at,
        ended_at,
        {{ date_key('event_date') }} as date_key,
        {{ local_hour('started_at') }} as hour_of_day,
        duration_ms,
        outcome,
        is_complete,
        is_error,
        is_denied,
        denial_kind,
        is_interrupted,
        file_path,
        file_operation,
        result_type,
        lines_added,
        lines_removed,
        description,
        agent_prompt,
        agent_prompt_digest,
        command_text,
        commit_action,
        opens_pull_request,
        case when outcome in ('error', 'denied', 'interrupted') then left(result_text, 500) end as error_text,
        outcome in ('error', 'denied', 'interrupted') and coalesce(is_refused_input, false) as is_refused_input,
        coalesce(
            command_digest,
            if(outcome in ('error', 'denied', 'interrupted'), md5(file_path || ': ' || error_digest), null),
            description_digest
        ) as called_digest,
        result_length,
        web_search_count,
        background_task_id,
        git_operation,
        git_output,
        result_agent_id as spawned_agent_id,
        coalesce(result_agent_type, requested_agent_type) as spawned_agent_type,
        result_status,
        reported_duration_ms,
        reported_total_tokens,
        reported_tool_use_count
    from calls

)

select * from final
