"""A small history that grows: the tree of a journey in each of its rounds, the same for every journey."""

import os
import shutil
from pathlib import Path

from tests.faults.seeds import sample

_WRITTEN_AT = 1_780_000_000
"""Modification time of every file: tables show it."""


def write_slice(whole: Path, tree: Path, part: int, parts: int) -> None:
    """Grow the tree to this part of the whole: each file up to a byte, which may be in the middle of a line."""
    for path in sorted(whole.rglob("*")):
        if path.is_file():
            target = tree / path.relative_to(whole)
            target.parent.mkdir(parents=True, exist_ok=True)
            _grow(path, target, part, parts)


def _grow(path: Path, target: Path, part: int, parts: int) -> None:
    if path.suffix != ".jsonl":
        shutil.copyfile(path, target)
    else:
        content = path.read_bytes()[: path.stat().st_size * part // parts]
        with target.open("ab") as file:
            file.write(content[target.stat().st_size :])
    os.utime(target, (_WRITTEN_AT + part, _WRITTEN_AT + part))


def whole_history(folder: Path) -> Path:
    """Return two days of the generated sample, with what is broken in it."""
    return sample(folder, seed=3, days=2)
