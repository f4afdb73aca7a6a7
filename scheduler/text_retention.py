"""TEXT_RETENTION_DAYS: after so many days the texts of a line are deleted, and every figure is kept.

The step runs after dbt: the values that figures need of the texts are queried from the new database, and replace the
texts in the record store. The run then continues as after a request to forget, from `extract` on, so that nothing
with these texts is published; at its end it searches for anything left of them.
"""

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from common.chunks import chunks
from common.settings import Settings
from scheduler.due_texts import Due
from scheduler.forget_steps import PROVE, prove
from scheduler.loader_calls import Progress
from scheduler.pipeline_parts import Forgetting, TextRemover
from scheduler.pipeline_steps import Context, Output, Step
from scheduler.work_database import connect

BATCH_LINES = 500


@dataclass(frozen=True)
class TextRetention:
    """How long texts are kept."""

    days: int
    timezone: str

    @classmethod
    def of(cls, settings: Settings) -> "TextRetention | None":
        """Return the configured retention, or None if texts are kept permanently."""
        days = settings.text_retention_days
        return None if days is None else cls(days, settings.timezone)

    def before(self, now: datetime) -> datetime:
        """Return the start of the first day whose texts are kept."""
        zone = ZoneInfo(self.timezone)
        day: date = now.astimezone(zone).date() - timedelta(days=self.days)
        return datetime.combine(day, time.min, zone).astimezone(UTC)


def with_text_retention(steps: list[Step], forgetting: Forgetting, retention: TextRetention) -> list[Step]:
    """Return the steps of a run that removes expired texts."""
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
    return done + sum(remover.blank(some) for some in chunks(due.rejected(), BATCH_LINES))


def _prove(forgetting: Forgetting, context: Context) -> Output:
    if not forgetting.is_pending():
        return Output("nothing was removed", status="skipped")
    return prove(forgetting, context)
