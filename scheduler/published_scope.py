"""How much is published: everything, figures without text, or figures of the team alone."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from common.duckdb_files import DuckDBLimits
from common.settings import Settings
from scheduler.published_team import keep_team_only
from scheduler.published_text import remove_text

PublishedScope = Literal["everything", "figures", "team"]
SCOPE = "published"
"""The fact that says of a generation how much of the work database is in it."""
_FROM_MOST_TO_LEAST: tuple[PublishedScope, ...] = ("everything", "figures", "team")
_PREPARES: dict[PublishedScope, Callable[[Path, DuckDBLimits], None]] = {"figures": remove_text, "team": keep_team_only}


def published_scope(settings: Settings) -> PublishedScope:
    """Return how much the settings let be published."""
    if settings.team_aggregates_only == "on":
        return "team"
    return "everything" if settings.published_text == "on" else "figures"


def is_narrower(scope: PublishedScope, facts: Mapping[str, Any]) -> bool:
    """Whether less is published from now on than is in the generation with these facts."""
    before = facts.get(SCOPE, "everything")
    return _FROM_MOST_TO_LEAST.index(before) < _FROM_MOST_TO_LEAST.index(scope)


def what_prepares(scope: PublishedScope, limits: DuckDBLimits) -> Callable[[Path], None] | None:
    """Return what writes the copy again before anybody sees it; None where everything is published."""
    prepare = _PREPARES.get(scope)
    return (lambda database: prepare(database, limits)) if prepare else None
