"""Files and folders that only their owner may read, and that are there whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO, cast

LEFT_OVER = ".unfinished-"
"""How the name of a file begins that is being written, or whose writer was killed."""


def replace_file(path: Path, content: bytes) -> None:
    """Write a file in place of an older one; it is on the disk when this returns."""
    make_folder(path.parent)
    with unfinished(path.parent) as file:
        file.write(content)
        sync(file)
        Path(file.name).replace(path)
    sync_path(path.parent)


def create_file(path: Path, content: bytes) -> bool:
    """Write a file unless there is one: of two that try at once, one does. Return whether it was this call."""
    make_folder(path.parent)
    with unfinished(path.parent) as file:
        file.write(content)
        sync(file)
        try:
            path.hardlink_to(file.name)
        except FileExistsError:
            return False
    sync_path(path.parent)
    return True


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


def sync_path(path: Path) -> None:
    """Have the disk keep a file's content, or which files are in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
