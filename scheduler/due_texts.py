"""Finds lines of the work database whose texts are due, and the values to keep of each, in bounded memory.

The values to keep depend only on a line's own rows. So lines are processed in portions: the rows of some lines are
copied into a temporary table, and the facts' view is queried with that table instead of raw.conversations.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import duckdb

from scheduler.text_rows import removed_of_rows

PORTION_BYTES = 16 * 1024 * 1024
"""The size of the texts in one portion; deriving their facts takes several times as much memory."""
_ROWS_AT_ONCE = 2_000
_AGES = """
create temporary table due as
with lines as (
    select
        document_id, host, source_file, byte_offset, event_at, ingested_at, kept_facts is not null as is_reduced,
        'line' as kind
    from raw.conversations
    where block_index = 0
    union all
    select document_id, host, source_file, byte_offset, null, extracted_at, coalesce(is_reduced, false), 'not flat'
    from raw.rejected_documents
    union all
    select document_id, host, source_file, byte_offset, null, ingested_at, regexp_full_match(line, '[?]*'), 'rejected'
    from raw.dead_letters
),

ages as (
    select
        lines.*,
        coalesce(
            lines.event_at,
            last_value(lines.event_at ignore nulls) over (
                partition by lines.host, lines.source_file order by lines.byte_offset nulls first, lines.document_id
            ),
            min(lines.event_at) over (partition by lines.host, lines.source_file),
            files.modified_at,
            lines.ingested_at
        ) as written_at
    from lines
    left join raw.transcript_files as files on lines.host = files.host and lines.source_file = files.source_file
)

select distinct document_id, kind, is_reduced
from ages
where
    least(written_at, coalesce(ingested_at, written_at))
    < $before + if(ends_with(source_file, '../history.jsonl'), interval 1 minute, interval 0 second)
"""
"""A line without a time is as old as the line before it in its file, and none is later than its collection. An entry of
the prompt history waits for the transcript's line with the same prompt: the two may differ by seconds."""
_PORTIONS = """
create temporary table portions as
with lines as (
    select
        document_id,
        min(rowid) as first_row,
        max(rowid) as last_row,
        sum(
            1000 + coalesce(strlen(block_text), 0) + coalesce(strlen(tool_input), 0)
            + coalesce(strlen(tool_result_text), 0) + coalesce(strlen(tool_result_rest), 0)
            + coalesce(strlen(attributes), 0)
        ) as bytes
    from raw.conversations
    where document_id in (select document_id from due where kind = 'line' and (not is_reduced or $again))
    group by document_id
)

select
    document_id,
    first_row,
    last_row,
    cast(floor(sum(bytes) over (order by first_row rows unbounded preceding) / $most) as integer) as portion
from lines
"""
"""Adjacent lines are in one portion, so that a portion reads a few row groups and not the whole table."""
_RANGES = "select portion, min(first_row), max(last_row) from portions group by portion order by portion"
_PORTION = """
create or replace temporary table portion as
select *
from raw.conversations
where
    rowid between {first} and {last}
    and document_id in (select document_id from portions where portion = {number})
"""
_MADE_COMMITS = """
create temporary table made_commits as
select distinct blocks.answer_block_id
from intermediate.int_tool_call_blocks as blocks
inner join marts.fct_tool_calls as calls on blocks.tool_call_key = calls.tool_call_key
where calls.git_output is not null and blocks.answer_block_id is not null
"""
"""Notes on commits count in figures only if the command made some."""
_FACTS = "select sql from duckdb_views() where schema_name = 'staging' and view_name = 'stg_text_facts'"
_NAME = re.compile(r'(?i)^\s*create\s+view\s+.*?stg_text_facts"?(?=[\s(])')
_READ = re.compile(r'("?\w+"?\.)?"?\braw\b"?\."?conversations\b"?')
_ROWS = """
select
    held.* exclude (
        conversation_id, block_index, block_count, load_id, loaded_at, project_id, source_file, host, byte_offset,
        ingested_at, extracted_at, block_text, tool_result_text
    ) replace (
        facts.kept_facts as kept_facts,
        if(facts.is_reduced, held.tool_result_rest, nullif(concat_ws(
            chr(10),
            facts.interruption_note,
            if(held.conversation_id in (select answer_block_id from made_commits), facts.git_notes, null)
        ), '')) as tool_result_rest
    ),
    if(
        ends_with(held.source_file, '../history.jsonl'),
        held.document_id in (select document_id from intermediate.int_history_prompts),
        null
    ) as is_remembered
from portion as held
inner join facts_of_portion as facts on held.conversation_id = facts.conversation_id
order by held.document_id, held.block_index
"""
_SIDES = """
select document_id, list([field, kind]) from raw.rejected_values
where document_id in (select document_id from portion) group by document_id
"""
_SECRETS = """
select document_id, list({'kind': kind, 'fingerprint': fingerprint, 'place': place, 'occurrences': occurrences})
from raw.masked_secrets
where document_id in (select document_id from portion) group by document_id
"""
_REASONS = "select document_id, reason from raw.rejected_documents where document_id in (select document_id from due)"
_UNREADABLE = "select document_id from due where kind = 'rejected' and (not is_reduced or ?)"


class Due:
    """Lines of the work database whose texts are due. `again`: also those whose texts are already removed there."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, before: datetime, *, again: bool) -> None:
        self._connection, self.again = connection, again
        connection.execute(_AGES, {"before": before})

    def count(self) -> int:
        """Return how many lines have texts."""
        row = self._connection.execute("select count(*) from due where not is_reduced").fetchone()
        return int(row[0]) if row else 0

    def lines(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield ids, and the values to keep of each line."""
        self._connection.execute(_PORTIONS, {"again": self.again, "most": PORTION_BYTES})
        self._connection.execute(_MADE_COMMITS)
        view = self._view_of_facts()
        for number, first, last in self._connection.execute(_RANGES).fetchall():
            self._connection.execute(_PORTION.format(number=number, first=first, last=last))
            self._connection.execute(view)
            yield from self._of_portion()
        for document_id, reason in self._stream(_REASONS):
            yield document_id, {"rejected": reason}

    def rejected(self) -> Iterator[str]:
        """Yield the ids of lines that could not be parsed."""
        return (line_id for (line_id,) in self._stream(_UNREADABLE, [self.again]))

    def _view_of_facts(self) -> str:
        """Return the statement that creates the facts' view over the portion."""
        ((sql,),) = self._connection.execute(_FACTS).fetchall()
        return _READ.sub("temp.portion", _NAME.sub("create or replace temporary view facts_of_portion", sql))

    def _of_portion(self) -> Iterator[tuple[str, dict[str, Any]]]:
        rejected = dict(self._connection.execute(_SIDES).fetchall())
        secrets = dict(self._connection.execute(_SECRETS).fetchall())
        for document_id, removed in removed_of_rows(self._rows()):
            removed["rejectedValues"] = rejected.get(document_id, [])
            removed["maskedSecrets"] = [list(secret.values()) for secret in secrets.get(document_id, [])]
            yield document_id, removed

    def _rows(self) -> Iterator[dict[str, Any]]:
        for batch in self._connection.execute(_ROWS).to_arrow_reader(_ROWS_AT_ONCE):
            filled = [name for name in batch.schema.names if batch[name].null_count < batch.num_rows]
            yield from batch.select(filled).to_pylist()  # most of the hundred columns are NULL in a whole batch

    def _stream(self, query: str, parameters: list[Any] | None = None) -> Iterator[tuple[Any, ...]]:
        cursor = self._connection.execute(query, parameters or [])
        while rows := cursor.fetchmany(_ROWS_AT_ONCE):
            yield from rows
