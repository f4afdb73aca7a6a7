"""Five-hour blocks of marts.agg_usage_blocks with their tokens and cost; burn rate and projection of the running one.

The burn rate is ccusage's: the usage between the block's first and last response, per minute. The projection
continues at this rate until the block ends. Both are about published figures; `is_active` is about the current moment.
"""

from dataclasses import dataclass
from datetime import datetime

from cli.quick.database import Published
from cli.quick.selection import Selection
from cli.quick.usage import BY_RESPONSE, MEASURES, Usage, measured


@dataclass(frozen=True)
class BurnRate:
    """A block's usage per minute; the indicator excludes the cache, as in ccusage."""

    tokens_per_minute: float
    tokens_per_minute_for_indicator: float
    cost_per_hour: float | None


@dataclass(frozen=True)
class Projection:
    """A block's projected usage at its end."""

    total_tokens: int
    total_cost: float | None
    remaining_minutes: int


@dataclass(frozen=True)
class Block:
    """One block: when it began and ends, and what the selected responses in it used."""

    started_at: datetime
    ends_at: datetime
    first_at: datetime
    last_at: datetime
    responses: int
    models: list[str]
    usage: Usage

    def is_active(self, now: datetime) -> bool:
        """Return whether the block is running."""
        return self.started_at <= now < self.ends_at

    def burn_rate(self) -> BurnRate | None:
        """Return the block's usage per minute; None before its second response."""
        minutes = (self.last_at - self.first_at).total_seconds() / 60
        if minutes <= 0:
            return None
        cost = self.usage.cost_usd
        without_cache = sum(self.usage.tokens[:2])
        per_hour = None if cost is None else cost / minutes * 60
        return BurnRate(self.usage.total_tokens / minutes, without_cache / minutes, per_hour)

    def projection(self, now: datetime) -> Projection | None:
        """Return the block's usage at its end at the current rate, or None."""
        rate = self.burn_rate()
        if rate is None or not self.is_active(now):
            return None
        minutes = (self.ends_at - now).total_seconds() / 60
        cost = self.usage.cost_usd
        more = None if rate.cost_per_hour is None else rate.cost_per_hour / 60 * minutes
        total = None if cost is None or more is None else cost + more
        return Projection(round(self.usage.total_tokens + rate.tokens_per_minute * minutes), total, round(minutes))


# A block's bounds come from the marts, which decide where a block begins; every response with a time is in a block.
_BLOCKS = f"""
with responses as (
    select * from ({BY_RESPONSE}) where requested_at is not null and {{where}}
)
select
    blocks.block_started_at, blocks.block_ends_at, min(responses.requested_at) as first_at,
    max(responses.requested_at) as last_at, count(*) as responses, list_sort(list(distinct model)) as models,
    {MEASURES}
from responses
asof join (select block_started_at, block_ends_at from marts.agg_usage_blocks) as blocks
    on responses.requested_at >= blocks.block_started_at
group by all
order by blocks.block_started_at
"""


def read_blocks(published: Published, selection: Selection) -> list[Block]:
    """Return the blocks that hold selected responses, the oldest first."""
    return [
        Block(
            started_at=row["block_started_at"],
            ends_at=row["block_ends_at"],
            first_at=row["first_at"],
            last_at=row["last_at"],
            responses=row["responses"],
            models=row["models"],
            usage=measured(row),
        )
        for row in published.rows(_BLOCKS.format(where=selection.where), selection.values)
    ]
