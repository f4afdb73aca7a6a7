"""A cache of dbt's parse of our project for all data directories: parsing takes longer than building a small history.

The copies are in this Python environment, beside the version of dbt that made them, and are deleted with it. If it is
not writable, nothing is shared.
"""

import hashlib
import json
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

FOLDER = Path(sys.prefix) / "share" / "claude-analytics" / "parsed"
KEPT = 8
"""The most copies: one per recently used version of the project, set of variables and target."""


class ParseCache:
    """The copy for one version of the project, its variables and its target."""

    def __init__(self, fingerprint: str, variables: dict[str, Any], target: str, folder: Path = FOLDER) -> None:
        source = json.dumps([fingerprint, variables, target], sort_keys=True, default=str)
        self._path = folder / hashlib.sha256(source.encode()).hexdigest()[:32]

    def give(self, target: Path) -> None:
        """Copy the cached parse, if any, to where dbt reads it."""
        with suppress(OSError):
            _copy(self._path, target)
            self._path.touch()

    def keep(self, parsed: Path) -> None:
        """Cache dbt's parse unless it is cached already."""
        if self._path.exists() or not parsed.exists():
            return
        with suppress(OSError):  # an environment that only its owner may write, or a full disk
            self._path.parent.mkdir(parents=True, exist_ok=True)
            _copy(parsed, self._path)
            newest_first = sorted(self._path.parent.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
            for path in newest_first[KEPT:]:
                path.unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> None:
    unfinished = target.with_name(f"{target.name}.{uuid4().hex[:8]}")
    try:
        shutil.copyfile(source, unfinished)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
