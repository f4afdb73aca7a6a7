"""Writes files and folders that only their owner may read, atomically."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO, cast

LEFT_OVER = ".unfinished-"
"""The name prefix of a file that is being written, or whose writer was killed."""


def replace_file(path: Path, content: bytes) -> None:
    """Replace a file; the new one is on the disk when this returns."""
    make_folder(path.parent)
    with unfinished(path.parent) as file:
        file.write(content)
        sync(file)
        Path(file.name).replace(path)
    sync_path(path.parent)


def create_file(path: Path, content: bytes) -> bool:
    """Write a file unless it exists; only one of several concurrent calls does. Return whether this call did."""
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
    """Create a folder and its parents with mode 0700; existing folders are not changed."""
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)


@contextmanager
def unfinished(folder: Path) -> Iterator[BinaryIO]:
    """Yield a new file of mode 0600 in this folder; it is deleted at the end unless it was renamed."""
    with NamedTemporaryFile(dir=folder, prefix=LEFT_OVER, delete=False) as file:
        try:
            yield cast("BinaryIO", file)
        finally:
            Path(file.name).unlink(missing_ok=True)


def sync(file: BinaryIO) -> None:
    """Flush a file to the disk."""
    file.flush()
    os.fsync(file.fileno())


def sync_path(path: Path) -> None:
    """Flush a file's content, or a folder's entries, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
