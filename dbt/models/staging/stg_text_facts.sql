-- What the figures need of each block's texts, as it is kept in the place of texts that expire (TEXT_RETENTION_DAYS): every value that a
-- model derives from them. A view that no build reads: the run that removes texts asks it, over the lines that it reduces.
{%- set notes = "concat_ws(chr(10), blocks.tool_result_text, blocks.tool_result_rest)" %}

with blocks as (

    select
        *,
        coalesce(message_type = 'user', block_text is not null) as is_said_by_user,
        is_said_by_user and block_index = 0 as begins_line,
        {{ is_prompt_history('source_file') }} as is_history
    from {{ source('raw', 'conversations') }}

),

messages as (

    select
        document_id,
        nullif(string_agg(block_text, chr(10) order by block_index), '') as message_text
    from blocks
    where message_type is null or block_type = 'text'
    group by document_id

),

typed as (

    select
        *,
        {{ typed_text('message_text') }} as typed_text
    from messages

),

facts as (

    select
        blocks.conversation_id,
        blocks.document_id,
        blocks.block_index,
        blocks.kept_facts,
        {
            'text_length': length(blocks.block_text),
            'text_bytes': strlen(blocks.block_text),
            'text_digest': md5(blocks.block_text),
            'typed_digest': if(blocks.is_said_by_user, md5({{ typed_text('blocks.block_text') }}), null),
            'trimmed_digest': if(blocks.message_type is null, md5(trim(blocks.block_text)), null),
            'is_wrapped': line_type = 'queue-operation' and {{ is_wrapped_by_another('trim(blocks.block_text)') }},
            'is_prompt': if(blocks.is_history, {{ is_typed_prompt(trimmed_text('blocks.block_text')) }}, null),
            'prompt_length': if(blocks.is_history, length({{ trimmed_text('blocks.block_text') }}), null),
            'task_category': case
                when blocks.is_history then {{ task_category(trimmed_text('blocks.block_text')) }}
                when blocks.begins_line then {{ task_category('typed.typed_text') }}
            end,
            'typed_kind': if(blocks.begins_line, {{ typed_kind('typed.typed_text') }}, null),
            'command_name': if(blocks.begins_line, {{ slash_command('typed.typed_text') }}, null),
            'opening_digest': {{ opening_digest("if(blocks.begins_line, typed.typed_text, " ~ agent_task() ~ ")") }},
            'message_length': if(blocks.block_index = 0, length(typed.message_text), null),
            'commit_action': {{ commit_action(shell_command()) }},
            'opens_pull_request': {{ opens_pull_request(shell_command()) }},
            'command_digest': {{ command_digest() }},
            'description_digest': {{ description_digest() }},
            'stated_denial': {{ stated_denial('blocks.tool_result_text') }},
            'denial': {{ denial_kind('blocks.tool_result_text') }},
            'error_digest': {{ error_digest('blocks.tool_result_text') }},
            'is_refused_input': {{ is_refused_input('blocks.tool_result_text') }}
        } as derived,
        if({{ is_interruption(notes, 'false') }}, '[Request interrupted by user', null) as interruption_note,
        nullif(array_to_string(list_concat(
            regexp_extract_all({{ notes }}, {{ commit_pattern() }}),
            regexp_extract_all({{ notes }}, {{ pull_request_pattern() }}),
            if(contains({{ notes }}, 'already exists'), ['already exists'], [])
        ), chr(10)), '') as git_notes
    from blocks
    left join typed on blocks.document_id = typed.document_id

)

select
    conversation_id,
    document_id,
    block_index,
    kept_facts is not null as is_reduced,
    coalesce(cast(kept_facts as varchar), cast(to_json(derived) as varchar)) as kept_facts,
    interruption_note,
    git_notes
from facts
