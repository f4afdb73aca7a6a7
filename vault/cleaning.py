"""Searches our files for what was forgotten, and deletes those that only speed up the next run where they hold it."""

import json
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from common.paths import DataPaths
from common.private_files import LEFT_OVER, replace_file
from common.settings import Settings
from vault.search import Search, find_in, not_in, search

SAMPLES = "forgetting.json"
"""The file of the data directory with what is searched for; it is there until a request is finished."""
_DISPOSABLE = ("logs", "cache", "dbt")
"""Folders of the data directory: logs, and what is made again."""
_PROGRAM = Path(__file__).resolve().parents[1]
_SAID = ("common", "dashboards", "dbt", "metabase", "report", "scheduler")
"""Packages whose source text appears in generated files (names, descriptions, scripts, seeds)."""


def telling(settings: Settings, samples: Sequence[str]) -> list[str]:
    """Return the samples that can only come from a transcript: those in neither our source files nor the settings.

    A report holds the names of its dashboards, and a database those of cost centres, whoever else wrote them.
    """
    left = list(samples)
    for content in _said_by_others(settings):
        left = not_in(content, left)
    return left


def _said_by_others(settings: Settings) -> Iterator[bytes]:
    yield "\n".join(os.environ.values()).encode("utf-8", "replace")
    files = [Path(".env"), settings.model_prices_csv, settings.cost_centres_yaml, DataPaths.of(settings).cost_centres]
    program = (path for room in _SAID for path in (_PROGRAM / room).rglob("*"))
    for path in (*files, *program):
        if path is not None and path.is_file():
            yield path.read_bytes()


def search_files(settings: Settings, samples: Sequence[str], *, only_ours: bool = False) -> Search:
    """Delete what may be deleted, then return what was searched and what still holds a sample.

    With only_ours, files outside the paths that steps write to are reported in `elsewhere`, not in `found`.
    """
    paths = DataPaths.of(settings)
    roots = [paths.root, paths.duckdb.root, *([settings.scheduler_dir] if settings.scheduler_dir else [])]
    done = search(roots, samples, _not_ours(settings))
    done.found = {name: found for name, found in done.found.items() if not _cleaned(Path(name), paths, samples)}
    if only_ours:
        ours = [path.resolve() for path in _ours(settings)]
        done.elsewhere = [name for name in done.found if not any(Path(name).is_relative_to(path) for path in ours)]
        done.found = {name: found for name, found in done.found.items() if name not in done.elsewhere}
    return done


def _ours(settings: Settings) -> list[Path]:
    """Return the places that steps write to."""
    paths, volume = DataPaths.of(settings), DataPaths.of(settings).duckdb
    written = [paths.records.parent, paths.iceberg, volume.work_database.parent, volume.generations, volume.as_of]
    written += [volume.statusline, volume.budgets, paths.report, paths.report_sessions, paths.plan_limits]
    written += [paths.git_remotes, *(paths.root / name for name in (*_DISPOSABLE, "sender", "receiver"))]
    return [*written, settings.scheduler_dir or paths.root / "scheduler"]


def _not_ours(settings: Settings) -> list[Path]:
    """Return what is left as it is: transcripts, sums of closed months, a person's own file, backups, the samples."""
    paths = DataPaths.of(settings)
    kept = [*settings.transcripts_dir, paths.statements, paths.cost_centres, paths.valid_cost_centres]
    kept.append(paths.duckdb.lock)  # names the command at work, and is emptied when that ends
    backups = [Path(settings.backup_to).expanduser()] if settings.backup_to and "://" not in settings.backup_to else []
    return [*kept, *backups, paths.root / SAMPLES]


def _cleaned(path: Path, paths: DataPaths, samples: Sequence[str]) -> bool:
    """Delete a file that can be spared, or a line of one; tell whether no sample is left in it."""
    left_over = path.name.startswith(LEFT_OVER)  # by a writer that was killed, of these samples for one
    if left_over or any(path.is_relative_to(paths.root.resolve() / folder) for folder in _DISPOSABLE):
        path.unlink(missing_ok=True)
        return True
    if path == paths.git_remotes.resolve():
        lines = path.read_bytes().splitlines(keepends=True)
        wanted = [sample.encode() for sample in samples]
        replace_file(path, b"".join(line for line in lines if not any(sample in line for sample in wanted)))
    return find_in(path, samples) is None


def samples_in(data_dir: Path, request_ids: Collection[str]) -> list[str]:
    """Return the samples to search for at the end of these requests; ids without stored samples are ignored."""
    kept = samples_by_request(data_dir)
    return [sample for request_id in request_ids for sample in kept.get(request_id, [])]


def samples_by_request(data_dir: Path) -> dict[str, list[str]]:
    """Return what is searched for by the request's id."""
    with suppress(FileNotFoundError):
        found: dict[str, list[str]] = json.loads((data_dir / SAMPLES).read_text(encoding="utf-8"))
        return found
    return {}
