"""The chain as the plan of faults runs it: every room as in `./analytics run`, without dbt, which would take hours.

In dbt's place a few statements copy `raw` into `marts`, incrementally and one table after the other, under the same
notes, locks and publication.
"""

import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

from common.duckdb_files import open_work_database
from common.errors import AnalyticsError
from common.logs import configure_logs
from common.settings import Settings, load_settings
from scheduler.dbt_project import DbtProject
from scheduler.dbt_results import DbtOutcome
from scheduler.lock import LockHeld
from scheduler.runner import Runner
from standalone.both_copies import count_copies
from standalone.engine import open_engine
from standalone.inputs import check_data_dir

# Imported when they are used: here once, before a fork.
for _late in ("pytz", "records.mongo_store", "sqlalchemy.dialects.sqlite"):
    import_module(_late)

Task = dict[str, Any]
"""What one run is to do.

settings: their fields. output: the file that it prints to. counts: a file for the numbers of calls and lines.
kill_at: the number of the call that is its last. count_calls: False for a run whose calls and seconds do not matter,
since counting takes a third of its time. most_bytes: the size that no file may grow beyond.
"""

CRASHED = 70
"""The exit code of a run that ended by an error that nobody expects."""
WHOLE = ("dead_letters", "transcript_files", "rejected_documents")
_MARK = "conversation_id in (select conversation_id from raw.conversations where load_id > {built})"
_STATEMENTS = (
    "create table if not exists marts.conversations as from raw.conversations limit 0",
    f"delete from marts.conversations where load_id > {{built}} or {_MARK}",
    "insert into marts.conversations from raw.conversations where load_id > {built}",
)
_WORLD = frozenset(("close", "commit", "execute", "executemany", "fsync", "ftruncate", "mkdir", "open", "register"))
_WORLD |= {"rename", "replace", "rmdir", "rollback", "send", "sendall", "symlink", "truncate", "unlink", "write"}
"""Names of calls that leave this process."""


class TinyProject(DbtProject):
    """What the pipeline asks of dbt's project, done by a few statements."""

    def warm_up(self) -> None:
        """Do nothing: there is no process to start."""

    def fingerprint(self) -> str:
        """Return the same always: the statements do not change between two runs."""
        return "tiny"

    def can_go_on(self) -> bool:
        """Return True: a build after new lines adds these."""
        return True

    def build(self, *, built_load_id: int | None = None, **_: Any) -> DbtOutcome:
        """Copy what is new, a transaction per table, so that a kill leaves some done and some not."""
        with closing(open_work_database(self.volume.work_database)) as connection:
            connection.execute("create schema if not exists marts")
            for table in WHOLE:
                connection.execute(f"create or replace table marts.{table} as from raw.{table}")
            connection.begin()
            for statement in _STATEMENTS:
                connection.execute(statement.format(built=built_load_id or 0))
            connection.commit()
        return DbtOutcome(command="build", success=True)

    def freshness(self, **_: Any) -> DbtOutcome:
        """Find every source fresh."""
        return DbtOutcome(command="source freshness", success=True)


def run_chain(settings: Settings) -> int:
    """Run everything once and return the exit code; says in one line what went wrong."""
    configure_logs(settings)
    try:
        if not settings.data_dir.exists():  # as the command does; later it would keep a run from what is tried here
            check_data_dir(settings)
        with open_engine(settings) as engine:
            parts = replace(engine.parts(), project=TinyProject.of(settings), refresh=())
            with closing(Runner(parts, settings)) as runner:
                result = runner.pipeline("command")
    except LockHeld as held:
        print(held)
        return held.exit_code
    except AnalyticsError as error:
        print(f"error: {error}")
        return 1
    print(f"{result.status}: {result.message}", *result.warnings, sep="\n")
    return 0 if result.ok else 1


def work(task: Task) -> int:
    """Do what a task says, in a process that was forked for it."""
    output = os.open(task["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    os.setsid()
    Settings.model_config["env_file"] = None
    settings = load_settings(**{name: _value(value) for name, value in task["settings"].items()})
    if most := task.get("most_bytes"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))  # Python ignores the signal: a write fails
    counter = _Counter(task.get("kill_at"))
    if task.get("count_calls", True):
        sys.setprofile(counter)
    try:
        return run_chain(settings)
    finally:
        sys.setprofile(None)
        if path := task.get("counts"):
            found = {"calls": counter.count, "lines": str(replace(count_copies(settings), record_store="store"))}
            Path(path).write_text(json.dumps(found), encoding="utf-8")
        sys.stdout.flush()


class _Counter:
    """Counts the calls that leave this process, before and after each, and ends it by SIGKILL at one of them."""

    def __init__(self, kill_at: int | None) -> None:
        self.count, self._kill_at = 0, kill_at

    def __call__(self, _: FrameType, event: str, called: Any) -> None:
        if event in ("c_call", "c_return") and called.__name__ in _WORLD:
            self.count += 1
            if self.count == self._kill_at:
                os.kill(os.getpid(), signal.SIGKILL)


def _value(value: Any) -> Any:
    return Path(value) if isinstance(value, str) and value.startswith("/") else value


def fork(task: Task, then: Callable[[Task], int] = work) -> int:
    """Start a task in a separate process; return its id."""
    sys.stdout.flush()
    if pid := os.fork():
        return pid
    code = CRASHED
    try:
        code = then(task)
    except BaseException:  # noqa: BLE001 (this is a child: nothing of the server may run in it)
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)
