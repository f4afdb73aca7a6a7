"""Collects transcripts into MongoDB: every complete line once, as it is written, whole."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pymongo.database import Database

from collector.follow import follow
from collector.pass_result import CollectorError, CollectProgress, CollectResult
from collector.passes import Collector

__all__ = ["CollectProgress", "CollectResult", "Collector", "CollectorError", "collect", "follow"]


def collect(
    database: Database[dict[str, Any]],
    transcripts: Path,
    host: str,
    progress: Callable[[CollectProgress], None] | None = None,
) -> CollectResult:
    """One pass over the transcripts below this directory. Raises CollectorError where it cannot go on."""
    return Collector(database, transcripts, host).collect(progress)
