"""The lines below a table: what the figures exclude, the timezone of their days, and their age."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cli.quick.database import Published
from cli.quick.text import plain
from cli.quick.usage import Usage
from dashboards.formats import show

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


def footer(published: Published, total: Usage) -> list[str]:
    """Return the notes on the figures above."""
    lines = []
    if total.unpriced:
        names = [plain(model) for model in total.unpriced_models[:5]]
        without = f"{show(total.unpriced, 'count')} responses have no known price and are not included in any total"
        lines.append(f"{without}; models without a price: {', '.join(names)}.")
    lines.append(f"Days start at midnight in {published.timezone} (TIMEZONE). {published_when(published)}")
    if published.is_sample:
        lines.append("This is a generated sample, not your history: ./analytics run reads yours.")
    return lines


def published_when(published: Published) -> str:
    """Return when the figures were published, as a sentence."""
    if published.is_team_only:
        return "Only team figures are published (TEAM_AGGREGATES_ONLY); query marts.agg_team_usage."
    if published.created_at is None:
        return ""
    when = published.created_at.astimezone(zone(published.timezone)).strftime("%Y-%m-%d %H:%M")
    age = (datetime.now(UTC) - published.created_at).total_seconds() * 1000
    return f"Published {when}, {show(max(age, 0), 'duration')} ago."


def zone(name: str) -> "ZoneInfo":
    """Return the zone of the published days."""
    from zoneinfo import ZoneInfo

    return ZoneInfo(name)
