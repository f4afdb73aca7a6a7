"""Collects transcripts into the record store: every complete line once, as it is written, whole."""

from collections.abc import Callable
from pathlib import Path

from collector.follow import follow
from collector.pass_result import CollectorError, CollectProgress, CollectResult
from collector.passes import Collector
from records import RecordStore

__all__ = ["CollectProgress", "CollectResult", "Collector", "CollectorError", "collect", "follow"]


def collect(
    store: RecordStore,
    transcripts: Path,
    host: str,
    progress: Callable[[CollectProgress], None] | None = None,
) -> CollectResult:
    """Make one pass over the transcripts below this directory.

    Raises CollectorError where the directory cannot be read, StoreError where the record store fails.
    """
    return Collector(store, transcripts, host).collect(progress)
