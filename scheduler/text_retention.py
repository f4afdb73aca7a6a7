"""TEXT_RETENTION_DAYS: after so many days the texts of a line go, and every figure stays.

The step stands behind dbt: what the figures need of the texts is asked of the database that was just built, and put in
their place in the record store. The run then goes on as after a request to forget, from `extract` on, so that nothing
with these texts is published; all that is left of them is searched for at its end.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from common.chunks import chunks
from common.settings import Settings
from scheduler.forget_steps import PROVE, prove
from scheduler.loader_calls import Progress
from scheduler.pipeline_parts import Forgetting, TextRemover
from scheduler.pipeline_steps import Context, Output, Step
from scheduler.text_rows import removed_of_rows
from scheduler.work_database import connect

BATCH_LINES = 500
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
"""A line without a time is as old as what stands before it in its file, and none is younger than its collection. An
entry of the history of prompts waits for the line of the transcript that repeats it: the two may differ by seconds."""
_ROWS = """
select
    held.* exclude (
        conversation_id, block_index, block_count, load_id, loaded_at, project_id, source_file, host, byte_offset,
        ingested_at, extracted_at, block_text, tool_result_text
    ) replace (
        facts.kept_facts as kept_facts,
        if(facts.is_reduced, held.tool_result_rest, nullif(concat_ws(
            chr(10), facts.interruption_note, if(answers.answer_block_id is null, null, facts.git_notes)
        ), '')) as tool_result_rest
    ),
    if(
        ends_with(held.source_file, '../history.jsonl'),
        held.document_id in (select document_id from intermediate.int_history_prompts),
        null
    ) as is_remembered
from raw.conversations as held
inner join staging.stg_text_facts as facts on held.conversation_id = facts.conversation_id
left join (
    select blocks.answer_block_id
    from intermediate.int_tool_call_blocks as blocks
    inner join marts.fct_tool_calls as calls on blocks.tool_call_key = calls.tool_call_key
    where calls.git_output is not null and blocks.answer_block_id is not null
) as answers on held.conversation_id = answers.answer_block_id
where held.document_id in (select document_id from due where kind = 'line' and (not is_reduced or $again))
order by held.document_id, held.block_index
"""
"""Notes of commits are figures only where the command made some."""
_SIDES = """
select document_id, list([field, kind]) from raw.rejected_values
where document_id in (select document_id from due) group by document_id
"""
_SECRETS = """
select document_id, list({'kind': kind, 'fingerprint': fingerprint, 'place': place, 'occurrences': occurrences})
from raw.masked_secrets
where document_id in (select document_id from due) group by document_id
"""

_REASONS = "select document_id, reason from raw.rejected_documents where document_id in (select document_id from due)"


@dataclass(frozen=True)
class TextRetention:
    """How long texts are kept."""

    days: int
    timezone: str

    @classmethod
    def of(cls, settings: Settings) -> "TextRetention | None":
        """Return what the settings ask for; None where texts are kept for ever."""
        days = settings.text_retention_days
        return None if days is None else cls(days, settings.timezone)

    def before(self, now: datetime) -> datetime:
        """Return the start of the first day whose texts are kept."""
        zone = ZoneInfo(self.timezone)
        day: date = now.astimezone(zone).date() - timedelta(days=self.days)
        return datetime.combine(day, time.min, zone).astimezone(UTC)


class Due:
    """Lines of the work database whose texts are due. `again`: also those that have none there any more."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, before: datetime, *, again: bool) -> None:
        self._connection, self.again = connection, again
        connection.execute(_AGES, {"before": before})

    def count(self) -> int:
        """Return how many lines have texts."""
        row = self._connection.execute("select count(*) from due where not is_reduced").fetchone()
        return int(row[0]) if row else 0

    def lines(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield ids, and what is kept of each line."""
        rejected = dict(self._connection.execute(_SIDES).fetchall())
        secrets = dict(self._connection.execute(_SECRETS).fetchall())
        for document_id, removed in removed_of_rows(self._rows()):
            removed["rejectedValues"] = rejected.get(document_id, [])
            removed["maskedSecrets"] = [list(secret.values()) for secret in secrets.get(document_id, [])]
            yield document_id, removed
        for document_id, reason in self._connection.execute(_REASONS).fetchall():
            yield document_id, {"rejected": reason}

    def rejected(self) -> list[str]:
        """Return the ids of lines that could not be parsed."""
        query = "select document_id from due where kind = 'rejected' and (not is_reduced or ?)"
        return [line_id for (line_id,) in self._connection.execute(query, [self.again]).fetchall()]

    def _rows(self) -> Iterator[dict[str, Any]]:
        reader = self._connection.execute(_ROWS, {"again": self.again}).to_arrow_reader(_ROWS_AT_ONCE)
        for batch in reader:
            yield from batch.to_pylist()


def with_text_retention(steps: list[Step], forgetting: Forgetting, retention: TextRetention) -> list[Step]:
    """Return the steps of a run that removes texts whose time is over."""
    prove = [] if steps[-1].name == PROVE else [Step(PROVE, partial(_prove, forgetting))]
    place = [step.name for step in steps].index("transform") + 1
    remove = Step("text", partial(_remove, forgetting, retention))
    return [*steps[:place], remove, *steps[place:], *prove]


def _remove(forgetting: Forgetting, retention: TextRetention, context: Context) -> Output:
    before = retention.before(datetime.now(UTC))
    day = before.astimezone(ZoneInfo(retention.timezone)).date()
    with closing(connect(context.parts.volume.work_database, context.parts.duckdb_limits)) as connection:
        due = Due(connection, before, again=forgetting.is_pending())
        count = due.count()
        if count:
            forgetting.begin_text(before, count)
        changed = _remove_due(due, forgetting, context.progress)
        if changed or due.again:
            forgetting.end_text()
    context.goes_again = count > 0
    if not count and not changed:
        return Output(f"no text from before {day} is left", status="skipped")
    return Output(f"texts of {changed:,} lines from before {day} removed from the record store", count, changed)


def _remove_due(due: Due, remover: TextRemover, progress: Progress) -> int:
    done = 0
    for some in chunks(due.lines(), BATCH_LINES):
        done += remover.reduce(dict(some))
        progress(done, None)
    return done + remover.blank(due.rejected())


def _prove(forgetting: Forgetting, context: Context) -> Output:
    if not forgetting.is_pending():
        return Output("nothing was removed", status="skipped")
    return prove(forgetting, context)
