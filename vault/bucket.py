"""Backups in an S3 store, through the client that pyarrow brings.

A bucket has no lock, so two backups may be written at once. That is safe: parts are named by their content, each
backup's own file is written last, and nothing young is deleted.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Any

from pyarrow.fs import FileSelector, FileType, S3FileSystem

from common.settings import Settings
from vault.errors import PlaceError, one_line
from vault.places import Kept


class BucketPlace:
    """A bucket, or what is below a prefix of it."""

    is_locked = False

    def __init__(self, where: str, settings: Settings) -> None:
        """Connect to nothing yet."""
        self.name, self._root = where, where.removeprefix("s3://").strip("/")
        if not self._root:
            raise PlaceError(f"backup: expected s3://BUCKET or s3://BUCKET/PREFIX, found {where!r}")
        self._files = S3FileSystem(**_options(settings))

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Check that the bucket answers; it cannot be locked."""
        bucket = self._root.partition("/")[0]
        with self._one_line():
            if self._files.get_file_info(bucket).type == FileType.NotFound:
                raise PlaceError(f"backup: expected a bucket, found none named {bucket!r}; create it")
        yield

    def list(self, folder: str) -> dict[str, Kept]:
        """Return the files below a folder by name."""
        with self._one_line():
            found = self._files.get_file_info(
                FileSelector(f"{self._root}/{folder}", recursive=True, allow_not_found=True)
            )
        files = (info for info in found if info.type == FileType.File)
        return {
            info.path.removeprefix(f"{self._root}/"): Kept(info.size, info.mtime or datetime.now(UTC)) for info in files
        }

    def get(self, name: str) -> bytes:
        """Return a file's content."""
        with self._one_line(), self._files.open_input_stream(f"{self._root}/{name}") as file:
            content: bytes = file.read()
            return content

    def put(self, name: str, content: bytes) -> None:
        """Write a file; the store shows it when it is whole."""
        with self._one_line(), self._files.open_output_stream(f"{self._root}/{name}") as file:
            file.write(content)

    def delete(self, name: str) -> None:
        """Delete a file."""
        with self._one_line():
            if self._files.get_file_info(f"{self._root}/{name}").type == FileType.File:
                self._files.delete_file(f"{self._root}/{name}")

    def _one_line(self) -> AbstractContextManager[None]:
        return one_line(self.name, "check BACKUP_S3_ENDPOINT and its keys")


def _options(settings: Settings) -> dict[str, Any]:
    options: dict[str, Any] = {"region": settings.backup_s3_region, "background_writes": False}
    if settings.backup_s3_endpoint:
        options["endpoint_override"] = settings.backup_s3_endpoint
    if settings.backup_s3_access_key_id and settings.backup_s3_secret_access_key:
        options["access_key"] = settings.backup_s3_access_key_id.get_secret_value()
        options["secret_key"] = settings.backup_s3_secret_access_key.get_secret_value()
    return options
