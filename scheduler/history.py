"""The run history in SQLite: runs, their steps, log lines and dbt results, and state that must survive a restart.

Every call is one transaction on its own connection, so threads and processes may share the file.
"""

import json
import os
import socket
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from common.errors import AnalyticsError
from scheduler.dbt_results import DbtNode
from scheduler.history_schema import migrate
from scheduler.run_result import FailedTest, RunResult, StepResult

RunKind = Literal["pipeline", "maintenance", "backup"]
Trigger = Literal["schedule", "page", "api", "command"]
Status = Literal["running", "succeeded", "unchanged", "failed", "interrupted", "missed", "overlapped", "locked"]
_REMEMBERED = "remembered:"
DID_NOT_HAPPEN = ("missed", "overlapped", "locked")


class HistoryError(AnalyticsError):
    """The history file cannot be read or written; the message says what to do."""

    def __init__(self, path: Path, error: sqlite3.DatabaseError) -> None:
        if isinstance(error, sqlite3.OperationalError):  # not the file itself but what it is on
            remedy = "check that its disk has space and that the file and its folder are writable"
        else:
            remedy = "move it away, and the next command creates a new one; it contains no figures"
        super().__init__(f"the history of runs {path} cannot be used ({error}); {remedy}")


class Run(BaseModel):
    """One run. A run that did not happen has its own status, and a message with the reason."""

    model_config = ConfigDict(frozen=True)

    id: int
    kind: str
    trigger: str
    status: Status
    scheduled_at: datetime | None
    started_at: datetime
    finished_at: datetime | None
    seconds: float | None
    message: str
    full_refresh: bool
    generation: int | None
    pid: int | None
    host: str | None
    progress_step: str | None
    progress_done: int | None
    progress_total: int | None


class LogLine(BaseModel):
    """One line of a run's log."""

    model_config = ConfigDict(frozen=True)

    id: int
    at: datetime
    step: str
    level: str
    message: str


class History:
    """The history file. Opening it migrates its tables to this version."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._write() as database:
            migrate(database)

    def begin(
        self,
        kind: RunKind,
        trigger: Trigger,
        *,
        scheduled_at: datetime | None = None,
        full_refresh: bool = False,
    ) -> int:
        """Record the start of a run and return its id."""
        fields = {"kind": kind, "trigger": trigger, "status": "running", "full_refresh": int(full_refresh)}
        who = {"pid": os.getpid(), "host": socket.gethostname()}
        times = {"scheduled_at": _text(scheduled_at), "started_at": _text(_now())}
        with self._write() as database:
            return _insert(database, "runs", fields | who | times)

    def did_not_happen(
        self, kind: RunKind, trigger: Trigger, status: Status, message: str, scheduled_at: datetime | None = None
    ) -> int:
        """Record a run that was due and did not start, with the reason; return its id."""
        now = _text(_now())
        fields = {"kind": kind, "trigger": trigger, "status": status, "message": message, "seconds": 0.0}
        times = {"scheduled_at": _text(scheduled_at), "started_at": now, "finished_at": now}
        with self._write() as database:
            return _insert(database, "runs", fields | times)

    def progress(self, run_id: int, step: str, done: int | None = None, total: int | None = None) -> None:
        """Record a run's progress."""
        sql = "update runs set progress_step = ?, progress_done = ?, progress_total = ? where id = ?"
        with self._write() as database:
            database.execute(sql, (step, done, total, run_id))

    def log(self, run_id: int, step: str, level: str, message: str) -> None:
        """Add a line to a run's log."""
        fields = {"run_id": run_id, "at": _text(_now()), "step": step, "level": level, "message": message}
        with self._write() as database:
            _insert(database, "log_lines", fields)

    def add_step(self, run_id: int, step: StepResult) -> None:
        """Record the end of a step."""
        with self._write() as database:
            position = database.execute("select count(*) from steps where run_id = ?", (run_id,)).fetchone()[0]
            fields = step.model_dump() | {"started_at": _text(step.started_at), "run_id": run_id, "position": position}
            _insert(database, "steps", fields)

    def finish(self, run_id: int, status: Status, message: str, generation: int | None = None) -> None:
        """Record the end of a run."""
        sql = (
            "update runs set status = ?, message = ?, generation = ?, finished_at = ?, progress_step = null,"
            " progress_done = null, progress_total = null,"
            " seconds = round((julianday(?) - julianday(started_at)) * 86400, 3) where id = ?"
        )
        now = _text(_now())
        with self._write() as database:
            database.execute(sql, (status, message, generation, now, now, run_id))

    def add_dbt_results(self, run_id: int, result: RunResult) -> None:
        """Add dbt's result for each node, with the failing rows of failed tests."""
        failed = {test.node.unique_id: test for test in result.failed_tests}
        with self._write() as database:
            for position, node in enumerate(result.dbt):
                fields = node.model_dump() | {"run_id": run_id, "position": position}
                if test := failed.get(node.unique_id):
                    fields |= {"failing_columns": json.dumps(test.columns), "failing_rows": json.dumps(test.rows)}
                else:
                    fields["query"] = None  # long, and only useful for a failure
                _insert(database, "dbt_results", fields)

    def mark_interrupted(self, *, backups: bool = False) -> list[int]:
        """Mark runs that never ended as interrupted. The caller holds the pipeline lock, so no run is active.

        Backups do not take that lock: for those, the caller holds the lock of backups.
        """
        query = "select id from runs where status = 'running' and (kind = 'backup') = ?"
        with self._write() as database:
            ids = [row["id"] for row in database.execute(query, (backups,))]
        for run_id in ids:
            self.finish(run_id, "interrupted", "the scheduler stopped during this run")
        return ids

    def runs(self, limit: int = 100, kind: RunKind | None = None) -> list[Run]:
        """The newest runs first."""
        sql = "select * from runs where ? is null or kind = ? order by id desc limit ?"
        return [Run.model_validate(dict(row)) for row in self.query(sql, (kind, kind, limit))]

    def run(self, run_id: int) -> Run | None:
        """One run."""
        rows = self.query("select * from runs where id = ?", (run_id,))
        return Run.model_validate(dict(rows[0])) if rows else None

    def steps(self, run_id: int) -> list[StepResult]:
        """The steps of a run that have ended, in order."""
        rows = self.query("select * from steps where run_id = ? order by position", (run_id,))
        return [StepResult.model_validate(_without(row, "run_id", "position")) for row in rows]

    def log_lines(self, run_id: int, after: int = 0, limit: int = 2000) -> list[LogLine]:
        """The lines of a run's log whose id is above `after`; all of them where the limit is negative."""
        sql = "select * from log_lines where run_id = ? and id > ? order by id limit ?"
        return [LogLine.model_validate(_without(row, "run_id")) for row in self.query(sql, (run_id, after, limit))]

    def dbt_results(self, run_id: int) -> list[FailedTest]:
        """Return dbt's result for each node of a run, in order, with the failing rows of failed tests."""
        rows = self.query("select * from dbt_results where run_id = ? order by position", (run_id,))
        return [_dbt_result(row) for row in rows]

    def last(self, *statuses: Status, kind: RunKind = "pipeline") -> Run | None:
        """The newest run of this kind with one of these statuses."""
        marks = ", ".join("?" * len(statuses))
        sql = f"select * from runs where kind = ? and status in ({marks}) order by id desc limit 1"
        rows = self.query(sql, (kind, *statuses))
        return Run.model_validate(dict(rows[0])) if rows else None

    def began_at(self) -> datetime | None:
        """Return when the oldest stored run started."""
        (row,) = self.query("select min(started_at) as at from runs", ())
        return datetime.fromisoformat(row["at"]) if row["at"] else None

    def remove_older_than(self, days: int) -> int:
        """Delete runs that started longer ago than that; return how many."""
        before = _text(_now() - timedelta(days=days))
        with self._write() as database:
            return database.execute("delete from runs where started_at < ? and status <> 'running'", (before,)).rowcount

    def get_state(self, key: str) -> Any:
        """Return a value that survives restarts, or None if it was never set."""
        rows = self.query("select value from state where key = ?", (key,))
        return json.loads(rows[0]["value"]) if rows else None

    def set_state(self, key: str, value: Any) -> None:
        """Store a value (any JSON) across restarts."""
        sql = "insert into state values (?, ?) on conflict (key) do update set value = excluded.value"
        with self._write() as database:
            database.execute(sql, (key, json.dumps(value)))

    def remember(self, keys: Sequence[str], days: int = 100) -> list[str]:
        """Store keys for so many days and return the new ones; only one of several callers gets a key."""
        now = _now()
        sql = "insert into state values (?, ?) on conflict (key) do nothing"
        with self._write() as database:
            before = json.dumps(_text(now - timedelta(days=days)))
            database.execute("delete from state where key glob ? and value < ?", (f"{_REMEMBERED}*", before))
            rows = ((key, f"{_REMEMBERED}{key}", json.dumps(_text(now))) for key in keys)
            return [key for key, name, at in rows if database.execute(sql, (name, at)).rowcount]

    def forget(self, keys: Sequence[str]) -> None:
        """Delete stored keys."""
        with self._write() as database:
            database.executemany("delete from state where key = ?", [(f"{_REMEMBERED}{key}",) for key in keys])

    def is_remembered(self, key: str) -> bool:
        """Return whether a key is stored."""
        return self.get_state(f"{_REMEMBERED}{key}") is not None

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Read with a custom statement."""
        with self._open() as database:
            return database.execute(sql, parameters).fetchall()

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with self._open() as database:
            database.execute("begin immediate")
            try:
                yield database
            except BaseException:
                database.rollback()
                raise
            database.commit()

    def kept_open(self) -> "closing[sqlite3.Connection]":
        """Keep a connection open: SQLite checkpoints its log, and waits for the disk, when the last one closes."""
        with self._one_line():
            return closing(self._connected())

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with self._one_line(), closing(self._connected()) as database:
            yield database

    @contextmanager
    def _one_line(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise HistoryError(self.path, error) from error

    def _connected(self) -> sqlite3.Connection:
        database = sqlite3.connect(self.path, timeout=30, isolation_level=None)
        database.row_factory = sqlite3.Row
        database.execute("pragma journal_mode = wal")
        database.execute("pragma synchronous = normal")
        database.execute("pragma foreign_keys = on")
        return database


def _insert(database: sqlite3.Connection, table: str, fields: dict[str, Any]) -> int:
    columns, marks = ", ".join(fields), ", ".join("?" * len(fields))
    cursor = database.execute(f"insert into {table} ({columns}) values ({marks})", tuple(fields.values()))
    return cursor.lastrowid or 0


def _dbt_result(row: sqlite3.Row) -> FailedTest:
    fields = _without(row, "run_id", "position", "failing_columns", "failing_rows")
    columns, rows = json.loads(row["failing_columns"] or "[]"), json.loads(row["failing_rows"] or "[]")
    return FailedTest(node=DbtNode.model_validate(fields), columns=columns, rows=rows)


def _without(row: sqlite3.Row, *names: str) -> dict[str, Any]:
    return {name: row[name] for name in row.keys() if name not in names}  # noqa: SIM118 (a Row iterates over values)


def _now() -> datetime:
    return datetime.now(UTC)


def _text(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat() if moment else None
