"""Files and folders that only their owner may read, and that are there whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO, cast

_COMPARED_BYTES = 1024 * 1024
LEFT_OVER = ".unfinished-"
"""How the name of a file begins that is being written, or whose writer was killed."""


def make_folder(folder: Path) -> None:
    """Make a folder that only its owner may enter, and those above it; those that are there stay as they are."""
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)


@contextmanager
def unfinished(folder: Path) -> Iterator[BinaryIO]:
    """Yield a new file of mode 0600 in this folder; it is gone afterwards unless it was renamed."""
    with NamedTemporaryFile(dir=folder, prefix=LEFT_OVER, delete=False) as file:
        try:
            yield cast("BinaryIO", file)
        finally:
            Path(file.name).unlink(missing_ok=True)


def sync(file: BinaryIO) -> None:
    """Have the disk keep what was written."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Have the disk keep which files are in a folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def same_content(one: Path, other: Path) -> bool:
    """Tell whether two files hold the same bytes."""
    if one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as first, other.open("rb") as second:
        while content := first.read(_COMPARED_BYTES):
            if content != second.read(_COMPARED_BYTES):
                return False
    return True
