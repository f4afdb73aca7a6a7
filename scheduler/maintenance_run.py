"""Maintenance of growing data: Iceberg's files and snapshots, old generations, history, logs."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from scheduler.history import History
from scheduler.pipeline_steps import Context, Output, Step
from scheduler.publish import remove_old_generations


def maintenance_steps(history: History, logs: Path, *, run_retention_days: int, log_retention_days: int) -> list[Step]:
    """Return the steps of the maintenance job; add a step as an entry here."""
    return [
        Step("iceberg", _iceberg, retries=3),
        Step("generations", _generations),
        Step("models", _models),
        Step("history", lambda context: _history(history, run_retention_days)),
        Step("logs", lambda context: _logs(logs, log_retention_days)),
    ]


def _iceberg(context: Context) -> Output:
    result = context.parts.loader.maintain(progress=context.progress)
    message = (
        f"{result.files_compacted} files into {result.files_written}, {result.snapshots_expired} snapshots expired,"
        f" {result.orphans_deleted} orphans deleted, {result.bytes_freed / 2**20:.1f} MiB freed"
    )
    return Output(message, result.files_compacted, result.files_written)


def _generations(context: Context) -> Output:
    removed = remove_old_generations(context.parts.volume, context.parts.keep_generations)
    return Output(f"{removed} old generations deleted", rows_out=removed)


def _models(context: Context) -> Output:
    context.note.ask_for_every_test()
    return Output("the next build is a full one, with every test")


def _history(history: History, days: int) -> Output:
    removed = history.remove_older_than(days)
    return Output(f"{removed} runs older than {days} days deleted", rows_out=removed)


def _logs(folder: Path, days: int) -> Output:
    before = time.time() - timedelta(days=days).total_seconds()
    old = [path for path in _log_files(folder) if path.stat().st_mtime < before]
    for path in old:
        path.unlink(missing_ok=True)
    return Output(f"{len(old)} log files older than {days} days deleted", rows_out=len(old))


def _log_files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*.log*") if path.is_file())
