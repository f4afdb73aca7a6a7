"""The scheduler's access to the work database: opened with our storage version, possibly locked by another program.

DuckDB lets one process write a file. A program that has it open blocks the pipeline, which names it and waits.
"""

import json
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb

from common.duckdb_files import DEFAULT_LIMITS, DuckDBLimits, open_work_database
from common.errors import AnalyticsError
from common.paths import DuckDBVolume

ROWS = "select unnest(from_json(?, ?), recursive := true)"
"""A query whose rows are parameters; see `rows_as_json`."""

MODEL_SCHEMAS = ("staging", "intermediate", "marts", "seeds", "touched")
"""The schemas that our dbt project creates."""

_CONFLICT = re.compile(r"[Cc]onflicting lock is held(?: in (?P<program>.*?))? ?\(PID (?P<pid>\d+)\)")
_BROKEN = re.compile(
    r"not a valid DuckDB database|Corrupt (database|WAL)|Could not read enough bytes from file|replaying WAL|WAL file"
)
"""DuckDB's messages for a damaged file; its blocks and its log have checksums."""
_CONTAINER = re.compile(r"[0-9a-f]{64}")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 10.0


class DatabaseHeldError(AnalyticsError):
    """Another program has the work database open; the message names it and says what to do."""


class DatabaseBrokenError(AnalyticsError):
    """dbt found the work database damaged; the message is DuckDB's."""


def connect(database: Path, limits: DuckDBLimits = DEFAULT_LIMITS) -> duckdb.DuckDBPyConnection:
    """Open for writing, in a format that every DuckDB from 1.4 reads, within the limits."""
    return open_work_database(database, limits)


def drop_models(connection: duckdb.DuckDBPyConnection) -> None:
    """Drop the last build's models, so that a full build reuses their blocks instead of growing the file."""
    for name in MODEL_SCHEMAS:
        connection.execute(f"drop schema if exists {name} cascade")
    connection.execute("checkpoint")


def rows_as_json(rows: Iterable[Sequence[Any]], columns: Mapping[str, str]) -> tuple[str, str]:
    """Return rows and the types of their columns as the two parameters of ROWS.

    Lists of values would cost DuckDB's Python client a third of a millisecond per value.
    """
    objects = [dict(zip(columns, row, strict=True)) for row in rows]
    text = json.dumps(objects, default=str, ensure_ascii=False)
    return text.encode(errors="replace").decode(), json.dumps([dict(columns)])  # half a surrogate pair is no JSON


def is_lock_conflict(error: BaseException) -> bool:
    """Return whether an error, or its text, is DuckDB's for a file that another process has open."""
    return "Could not set lock on file" in str(error)


def is_broken(error: BaseException | str | None) -> bool:
    """Return whether an error, or its text, is DuckDB's for a damaged file."""
    return isinstance(error, DatabaseBrokenError) or _BROKEN.search(str(error)) is not None


def remove_work_database(volume: DuckDBVolume) -> None:
    """Delete the work database and its notes: the next load rebuilds it from Iceberg."""
    shutil.rmtree(volume.work_database.parent, ignore_errors=True)  # the next load reports what is left


def wait_until_free(
    volume: DuckDBVolume, seconds: float, stop: threading.Event, say: Callable[[str], None] = lambda _: None
) -> None:
    """Wait until the work database can be written. Raises DatabaseHeldError after `seconds` or when `stop` is set."""
    deadline, pause = time.monotonic() + seconds, _FIRST_PAUSE
    while (holder := _holder(volume.work_database)) is not None:
        message = f"{volume.work_database} is open in {holder}"
        if time.monotonic() >= deadline:
            raise DatabaseHeldError(f"{message}; close that program, or read {volume.well_known_database} instead")
        say(f"{message}; waiting")
        if stop.wait(min(pause, max(deadline - time.monotonic(), 0))):
            raise DatabaseHeldError(f"{message}; the run was told to stop and no longer waits")
        pause = min(pause * 2, _LONGEST_PAUSE)


def describe_holder(message: str) -> str:
    """Return the lock's holder from DuckDB's message: process, command and container, as far as they are visible."""
    found = _CONFLICT.search(message)
    pid = int(found["pid"]) if found else 0
    if pid == 0:
        return "a program in another container or on another machine"
    command = _read_proc(pid, "cmdline").replace("\0", " ").strip() or (found["program"] if found else "") or "unknown"
    container = _CONTAINER.search(_read_proc(pid, "cgroup"))
    where = f" in container {container[0][:12]}" if container else ""
    return f"process {pid} ({command[:200]}){where}"


def _holder(database: Path) -> str | None:
    if not database.exists():
        return None
    try:
        connect(database).close()
    except duckdb.IOException as error:
        if is_lock_conflict(error):
            return describe_holder(str(error))
        raise
    return None


def _read_proc(pid: int, name: str) -> str:
    if pid != os.getpid():
        with suppress(OSError):
            return Path(f"/proc/{pid}/{name}").read_text(encoding="utf-8", errors="replace")
    return ""
