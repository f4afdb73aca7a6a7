"""The places of backups: a folder, or a bucket of an S3 store. Both store named files atomically.

README.txt                  how to open a backup by hand
backups/TIME-DIGEST.json    one per backup, written last: what it consists of
parts/ab/abcd....zst        content, named by its checksum, shared by the backups that have it
key.age                     with a passphrase: the key that it protects
forgotten/SOURCE.zst        what was forgotten since, by keyed hashes: no restore brings it back
"""

from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from common.settings import Settings
from vault.errors import PlaceError

BACKUPS, PARTS, KEY, README, FORGOTTEN = "backups", "parts", "key.age", "README.txt", "forgotten"


class Kept(NamedTuple):
    """A file of the place."""

    size: int
    modified_at: datetime


class Place(Protocol):
    """Named files. Names are relative, with slashes. Every method raises VaultError if the place fails."""

    @property
    def name(self) -> str:
        """Its name in messages."""
        ...

    @property
    def is_locked(self) -> bool:
        """Whether `lock` excludes other backups. If it cannot, recent files may belong to a running one."""
        ...

    def lock(self) -> AbstractContextManager[None]:
        """Create the place if it does not exist, and exclude other backups in this block if the place can."""
        ...

    def list(self, folder: str) -> dict[str, Kept]:
        """Return the files below a folder by name."""
        ...

    def get(self, name: str) -> bytes:
        """Return a file's content. Raises FileNotFoundError where there is none."""
        ...

    def put(self, name: str, content: bytes) -> None:
        """Write a file whole and durably, replacing one of this name."""
        ...

    def delete(self, name: str) -> None:
        """Delete a file; a missing one is not an error."""
        ...


def open_place(where: str, settings: Settings) -> Place:
    """Return the place that this path or `s3://BUCKET/PREFIX` names. Nothing is written yet."""
    if where.startswith("s3://"):
        from vault.bucket import BucketPlace  # noqa: PLC0415 - pyarrow takes half a second, which a folder does not need

        return BucketPlace(where, settings)
    if "://" in where:
        raise PlaceError(f"backup: expected a folder or s3://BUCKET/PREFIX, found {where!r}")
    from vault.folder import FolderPlace  # noqa: PLC0415 - as above

    return FolderPlace(Path(where).expanduser().absolute())
