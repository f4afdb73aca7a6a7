"""Files that are there whole or not at all, for their owner alone, and on the disk when the call returns."""

import os
from pathlib import Path

_MODE = 0o600


def replace_file(file: Path, content: bytes) -> None:
    """Write the file, in place of an older one."""
    new = _written_beside(file, content)
    new.replace(file)
    flush_folder(file.parent)


def create_file(file: Path, content: bytes) -> bool:
    """Write the file unless there is one: of two that try at once, one does. Return whether it was this call."""
    new = _written_beside(file, content)
    try:
        os.link(new, file)
    except FileExistsError:
        return False
    finally:
        new.unlink()
    flush_folder(file.parent)
    return True


def _written_beside(file: Path, content: bytes) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f".{file.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    return new


def flush_folder(folder: Path) -> None:
    """Make a new or renamed file's name last."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
