"""What is to be measured, checked before anything is written."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from common.errors import UsageError

FEWEST_LINES = 1_000
DEFAULT_LINES = 50_000
SKIPS = ("warm", "mongodb", "dlt", "ccusage")
_BYTES_PER_LINE = 2_800
_COPIES = 8
"""How often the history is on disk at most: the files, two stores and databases of two runs, MongoDB, dlt's."""
_SPARE = 500_000_000


@dataclass(frozen=True)
class Plan:
    """What is to be measured, and where."""

    folder: Path
    """Everything that is written is below it."""
    sizes: tuple[int, ...]
    say: Callable[[str], None]
    repeat: int = 3
    first_imports: int = 1
    new_lines: int = 1_000
    seed: int = 7
    large_file: int | None = None
    """Bytes of the long session's transcript; None for what fits the size."""
    skip: frozenset[str] = frozenset()
    against: Path | None = None
    mongo_uri: str | None = None
    keep: bool = False

    @property
    def growths(self) -> int:
        """How often a history grows: for each run over new lines, cold and warm."""
        return self.repeat if "warm" in self.skip else 2 * self.repeat


def check(plan: Plan) -> None:
    """Raise UsageError for a number or a name that makes no sense, and where the disk is too small."""
    if few := [lines for lines in plan.sizes if lines < FEWEST_LINES]:
        raise UsageError(f"--lines: expected at least {FEWEST_LINES:,}, found {few[0]:,}")
    if unknown := plan.skip - set(SKIPS):
        raise UsageError(f"--skip: expected one of {', '.join(SKIPS)}, found {min(unknown)}")
    if plan.against is not None and not (plan.against / "analytics").is_file():
        raise UsageError(f"--against: expected a checkout with a file named analytics, found none in {plan.against}")
    needed = max(plan.sizes) * _BYTES_PER_LINE * _COPIES + (plan.large_file or 0) * _COPIES + _SPARE
    free = shutil.disk_usage(plan.folder).free
    if free < needed:
        found = f"expected {needed / 1e9:,.1f} GB free in {plan.folder.parent}, found {free / 1e9:,.1f} GB"
        raise UsageError(f"{found}; choose a smaller --lines, or a folder on another disk with --data")
