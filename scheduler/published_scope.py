"""The published scope: everything, figures without text, or only figures of the team."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from common.duckdb_files import DuckDBLimits
from common.settings import Settings
from scheduler.published_team import keep_team_only
from scheduler.published_text import remove_text

PublishedScope = Literal["everything", "figures", "team"]
SCOPE = "published"
"""The fact with a generation's scope."""
_FROM_MOST_TO_LEAST: tuple[PublishedScope, ...] = ("everything", "figures", "team")
_PREPARES: dict[PublishedScope, Callable[[Path, DuckDBLimits], None]] = {"figures": remove_text, "team": keep_team_only}


def published_scope(settings: Settings) -> PublishedScope:
    """Return the configured scope."""
    if settings.team_aggregates_only == "on":
        return "team"
    return "everything" if settings.published_text == "on" else "figures"


def is_narrower(scope: PublishedScope, facts: Mapping[str, Any]) -> bool:
    """Return whether the scope is narrower than that of the generation with these facts."""
    before = facts.get(SCOPE, "everything")
    return _FROM_MOST_TO_LEAST.index(before) < _FROM_MOST_TO_LEAST.index(scope)


def what_prepares(scope: PublishedScope, limits: DuckDBLimits) -> Callable[[Path], None] | None:
    """Return the function that rewrites the copy before it is visible; None if everything is published."""
    prepare = _PREPARES.get(scope)
    return (lambda database: prepare(database, limits)) if prepare else None
