"""Backups in a folder: mode 0700, files 0600, written under another name and renamed; a lock excludes other backups."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from common.private_files import LEFT_OVER, make_folder, sync, sync_path, unfinished
from vault.errors import BusyError, PlaceError, one_line
from vault.places import Kept

_LOCK = ".lock"


class FolderPlace:
    """A folder of this machine, or one that is mounted."""

    is_locked = True

    def __init__(self, root: Path) -> None:
        """Look at nothing yet."""
        self.name, self._root = str(root), root

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Create the folder, lock it, and remove a killed backup's leftovers. Raises PlaceError, BusyError."""
        self._check()
        with self._one_line():
            make_folder(self._root)
            descriptor = os.open(self._root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BusyError(f"{self._root}: another backup is being written there; wait for it to end") from None
            with self._one_line():
                for left_over in self._root.rglob(f"{LEFT_OVER}*"):
                    left_over.unlink(missing_ok=True)
            yield
        finally:
            os.close(descriptor)

    def _check(self) -> None:
        """Raise PlaceError for a file, for a git checkout, and for a folder that others may read."""
        if self._root.exists() and not self._root.is_dir():
            raise PlaceError(f"backup: expected a folder, found the file {self._root}")
        checkout = next((folder for folder in (self._root, *self._root.parents) if (folder / ".git").exists()), None)
        if checkout:
            raise PlaceError(
                f"backup: expected a folder outside of any git checkout, found {self._root} in {checkout}: "
                "a backup holds transcripts and secrets; choose another folder"
            )
        if self._root.exists() and self._root.stat().st_mode & 0o077:
            found = f"{self._root.stat().st_mode & 0o777:o}"
            raise PlaceError(
                f"backup: expected a folder that only its owner can access, found {self._root} with mode {found}; "
                f"chmod 700 {self._root}, or choose a folder in it"
            )

    def list(self, folder: str) -> dict[str, Kept]:
        """Return the files below a folder by name."""
        with self._one_line():
            paths = [path for path in (self._root / folder).rglob("*") if not path.name.startswith(".")]
            stats = {path.relative_to(self._root).as_posix(): path.stat() for path in paths if path.is_file()}
        return {name: Kept(stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC)) for name, stat in stats.items()}

    def get(self, name: str) -> bytes:
        """Return a file's content."""
        with self._one_line():
            return (self._root / name).read_bytes()

    def put(self, name: str, content: bytes) -> None:
        """Write a file under another name, flush it to the disk, then rename it."""
        path = self._root / name
        with self._one_line():
            make_folder(path.parent)
            with unfinished(path.parent) as file:
                file.write(content)
                sync(file)
                Path(file.name).rename(path)
            sync_path(path.parent)

    def delete(self, name: str) -> None:
        """Delete a file, and its folder if that is empty then."""
        path = self._root / name
        with self._one_line():
            path.unlink(missing_ok=True)
            if path.parent.parent.name == "parts" and not any(path.parent.iterdir()):
                path.parent.rmdir()

    def _one_line(self) -> AbstractContextManager[None]:
        return one_line(self._root, "check that its disk has space and is writable")
