"""Searches our files for what was forgotten, and deletes those that only speed up the next run where they hold it."""

import json
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

from common.paths import DataPaths
from common.private_files import replace_file
from common.settings import Settings
from vault.search import Search, find_in, search

SAMPLES = "forgetting.json"
"""The file of the data directory with what is searched for; it is there until a request is finished."""
_DISPOSABLE = ("logs", "cache", "dbt")
"""Folders of the data directory: logs, and what is made again."""


def search_files(settings: Settings, samples: Sequence[str]) -> Search:
    """Delete what may be deleted, then return what was searched and what still holds a sample."""
    paths = DataPaths.of(settings)
    roots = [paths.root, paths.duckdb.root, *([settings.scheduler_dir] if settings.scheduler_dir else [])]
    done = search(roots, samples, _not_ours(settings))
    done.found = {name: found for name, found in done.found.items() if not _cleaned(Path(name), paths, samples)}
    return done


def _not_ours(settings: Settings) -> list[Path]:
    """Return what is left as it is: transcripts, sums of closed months, a person's own file, backups, the samples."""
    paths = DataPaths.of(settings)
    kept = [*settings.transcripts_dir, paths.statements, paths.cost_centres, paths.valid_cost_centres]
    kept.append(paths.duckdb.lock)  # names the command at work, and is emptied when that ends
    backups = [Path(settings.backup_to).expanduser()] if settings.backup_to and "://" not in settings.backup_to else []
    return [*kept, *backups, paths.root / SAMPLES]


def _cleaned(path: Path, paths: DataPaths, samples: Sequence[str]) -> bool:
    """Delete a file that can be spared, or a line of one; tell whether no sample is left in it."""
    if any(path.is_relative_to(paths.root.resolve() / folder) for folder in _DISPOSABLE):
        path.unlink()
        return True
    if path == paths.git_remotes.resolve():
        lines = path.read_bytes().splitlines(keepends=True)
        wanted = [sample.encode() for sample in samples]
        replace_file(path, b"".join(line for line in lines if not any(sample in line for sample in wanted)))
    return find_in(path, samples) is None


def samples_in(data_dir: Path, request_ids: Collection[str]) -> list[str]:
    """Return what is searched for at the end of these requests; a request that was not written down has no say."""
    kept = samples_by_request(data_dir)
    return [sample for request_id in request_ids for sample in kept.get(request_id, [])]


def samples_by_request(data_dir: Path) -> dict[str, list[str]]:
    """Return what is searched for by the request's id."""
    with suppress(FileNotFoundError):
        found: dict[str, list[str]] = json.loads((data_dir / SAMPLES).read_text(encoding="utf-8"))
        return found
    return {}
