"""Collects transcripts into the record store: every complete line once, unchanged."""

from collections.abc import Callable, Sequence
from pathlib import Path

from collector.follow import REMEMBERED_LINES, follow
from collector.pass_result import CollectProgress, CollectResult
from collector.passes import Collector
from common.masking import Masker
from common.transcript_files import distinct_roots
from records import LineSink

__all__ = ["REMEMBERED_LINES", "CollectProgress", "CollectResult", "Collector", "collect", "follow"]


def collect(
    store: LineSink,
    transcripts: Path | Sequence[Path],
    host: str,
    progress: Callable[[CollectProgress], None] | None = None,
    *,
    masker: Masker | None = None,
    excluded: Sequence[str] = (),
) -> CollectResult:
    """Make one pass over the transcripts below one or several directories, without excluded projects.

    `masker` masks lines before they are stored.

    Raises TranscriptsError if a directory cannot be read, StoreError if the record store fails.
    """
    roots = distinct_roots([transcripts] if isinstance(transcripts, Path) else transcripts)
    collectors = [Collector(store, root, host, label=label, masker=masker, excluded=excluded) for root, label in roots]
    results = [collector.collect(progress) for collector in collectors]
    return CollectResult(**{name: sum(getattr(result, name) for result in results) for name in CollectResult.__slots__})
