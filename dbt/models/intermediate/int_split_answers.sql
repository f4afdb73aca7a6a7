-- Lines of answers for which session and message id do not say it all: an id that stands for several answers of a session, and answers
-- that were copied from another session or file. Few lines, so a table.
{{ config(
    materialized='incremental',
    incremental_strategy='by_session',
    meta={'belongs': "document_id in (select document_id from touched.conversations)"}
) }}

with recursive labels as (

    select * from {{ ref('int_answer_labels') }}

),

-- Copies of an answer that another session gave. An original without message id has no label, and its line is its answer.
foreign_copies as (

    select
        copies.*,
        originals.request_id as answer_request_id,
        originals.finished_as as answer_finished_as
    from labels as copies
    inner join {{ ref('int_line_copies') }} as owners on copies.original_document_id = owners.document_id
    left join labels as originals on copies.original_document_id = originals.document_id
    where owners.session_key != copies.session_key

),

-- A line that only the copying session holds goes on with the copied answer that is nearest in time, unless it cannot be the same one.
continued as (

    select
        own.document_id,
        arg_min(
            copies.original_document_id,
            (
                coalesce(abs(epoch_us(copies.event_at) - epoch_us(own.event_at)), {{ 2 ** 63 - 1 }}),
                coalesce(copies.event_at, 'infinity'), copies.byte_offset, copies.document_id
            )
        ) as original_document_id
    from labels as own
    inner join foreign_copies as copies
        on
            own.session_key = copies.session_key
            and own.message_id = copies.message_id
            and coalesce(own.request_id = copies.answer_request_id, true)
            and coalesce(own.finished_as = copies.answer_finished_as, true)
    where own.original_document_id is null
    group by own.document_id

),

-- That answer may go on with another one: a fork of a fork does. Sessions that would go on with each other for ever end somewhere.
followed as (

    select
        document_id,
        original_document_id,
        1 as steps
    from continued
    union all
    select
        followed.document_id,
        continued.original_document_id,
        followed.steps + 1 as steps
    from followed
    inner join continued on followed.original_document_id = continued.document_id
    where followed.steps < 64

),

answers as (

    select
        document_id,
        arg_max(original_document_id, steps) as answer_document_id
    from followed
    group by document_id

)

-- A copied line belongs to the answer of its original.
select
    lines.document_id,
    coalesce(
        labels.request_key,
        {{ surrogate_key(["'line'", 'coalesce(answers.answer_document_id, lines.original_document_id)']) }}
    ) as request_key
from labels as lines
left join answers on coalesce(lines.original_document_id, lines.document_id) = answers.document_id
left join labels
    on coalesce(answers.answer_document_id, lines.original_document_id, lines.document_id) = labels.document_id
