"""The loader as the scheduler sees it: the same three calls whether it works in this process or behind HTTP."""

from collections.abc import Callable
from typing import Protocol

from common.loader_results import ExtractResult, LoadResult, MaintenanceResult

Progress = Callable[[int, int | None], None]
"""Called with rows done and rows expected (None: unknown). It raises when the run is stopped: do not catch that."""


class Loader(Protocol):
    """MongoDB to Iceberg to `raw`, and the maintenance of the Iceberg tables."""

    def extract(self, *, full_refresh: bool = False, progress: Progress | None = None) -> ExtractResult:
        """Append new lines from MongoDB to Iceberg."""
        ...

    def load(self, *, full_refresh: bool = False, progress: Progress | None = None) -> LoadResult:
        """Update `raw` in the work database from Iceberg."""
        ...

    def maintain(self, *, progress: Progress | None = None) -> MaintenanceResult:
        """Compact small files, expire snapshots, delete orphan files."""
        ...
