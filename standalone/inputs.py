"""Checks a run's folders before anything is opened: a wrong one costs a second and leaves no trace."""

from pathlib import Path
from tempfile import TemporaryDirectory

from common.errors import UsageError
from common.paths import DataPaths
from common.settings import Settings
from common.transcript_files import check_folder, distinct_roots, find
from scheduler.as_of import marked_as_of


def check_data_dir(settings: Settings) -> None:
    """Raise UsageError if the data directory is a file, or cannot be created or written."""
    if moment := marked_as_of(settings.data_dir):
        raise UsageError(
            f"DATA_DIR: expected a folder to collect into, found {settings.data_dir}, which shows the figures as of"
            f" {moment}; pass --data DIR"
        )
    for name, folder in (("DATA_DIR", settings.data_dir), ("DUCKDB_PATH", settings.duckdb_dir)):
        nearest = next(path for path in (folder, *folder.parents) if path.exists())
        if not nearest.is_dir():
            raise UsageError(f"{name}: expected a folder, found the file {nearest}; pass --data DIR or set {name}")
        try:
            with TemporaryDirectory(prefix=".claude-analytics-", dir=nearest):
                pass
        except OSError as error:
            found = f"{nearest}: {error.strerror or error}"
            raise UsageError(f"{name}: expected a writable folder, found {found}; pass --data DIR") from None


def check_transcripts(settings: Settings) -> None:
    """Raise UsageError if a transcripts folder is missing, or if there is nothing to read and no collected history.

    An empty folder is valid if a history was collected before: Claude Code deletes old transcripts. With
    COLLECTOR=off no folder is checked.
    """
    if settings.collector == "off":
        return
    roots = distinct_roots(settings.transcripts_dir)
    for root, _ in roots:
        check_folder(root)
    if settings.mongo_uri or _has_history(settings):
        return
    if not any(find(root, label).transcripts for root, label in roots):
        places = ", ".join(str(root) for root, _ in roots)
        raise UsageError(f"transcripts: expected *.jsonl files, found none below {places}; pass --transcripts DIR")


def _has_history(settings: Settings) -> bool:
    paths = DataPaths.of(settings)
    kept: tuple[Path, ...] = (paths.records, paths.iceberg / "catalog.db")
    return any(path.exists() for path in kept)
