"""What dbt parsed of our project, shared by every data directory: parsing takes longer than building a small history.

The copies lie in this Python environment, beside the version of dbt that made them, and go with it. Where that cannot
be written nothing is shared.
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
"""Copies: one for each version of the project, set of variables and target that was used last."""


class ParseCache:
    """The copy for one version of the project, its variables and its target."""

    def __init__(self, fingerprint: str, variables: dict[str, Any], target: str, folder: Path = FOLDER) -> None:
        source = json.dumps([fingerprint, variables, target], sort_keys=True, default=str)
        self._path = folder / hashlib.sha256(source.encode()).hexdigest()[:32]

    def give(self, target: Path) -> None:
        """Copy what is kept to where dbt reads it, if anything is."""
        with suppress(OSError):
            _copy(self._path, target)
            self._path.touch()

    def keep(self, parsed: Path) -> None:
        """Keep what dbt has written, unless that was done before."""
        if self._path.exists() or not parsed.exists():
            return
        with suppress(OSError):  # an environment that only its owner writes, or a full disk
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
