"""`./analytics dbt ARGS...`: dbt with the project, the profile, the variables and the lock that a run would use."""

import os
import subprocess
from contextlib import closing
from pathlib import Path

from common.errors import UsageError
from common.paths import DataPaths
from common.settings import Settings
from loader.raw_schema import create_raw
from scheduler.build_state import BuildNote
from scheduler.dbt_project import DbtProject
from scheduler.lock import PipelineLock
from standalone.sample_raw_tables import sample_raw

_LAUNCHER = Path(__file__).resolve().parent.parent / "analytics"
_WRITING = frozenset({"build", "clone", "retry", "run", "run-operation", "seed", "snapshot"})
"""Commands that may change tables. Looked for among all arguments: a mistaken match only costs one full build."""


def take_data(args: list[str]) -> tuple[Path | None, list[str]]:
    """Return `--data DIR`, which dbt does not know, and the arguments that are dbt's."""
    data, rest = None, list(args)
    for position, arg in enumerate(args):
        if arg == "--":
            break
        if arg.startswith("--data="):
            data, rest = arg.partition("=")[2], args[:position] + args[position + 1 :]
        elif arg == "--data":
            data, rest = (
                (args[position + 1] if position + 1 < len(args) else ""),
                args[:position] + args[position + 2 :],
            )
        else:
            continue
        if not data:
            raise UsageError("--data: expected a folder, found nothing; pass --data DIR")
        return Path(data), rest
    return None, rest


def run_dbt(settings: Settings, args: list[str]) -> int:
    """Run one dbt command in this terminal and return its exit code.

    On a data directory without a load the raw tables are created empty, so that every model can be built. The target
    `test` builds in memory on the generated sample, and leaves the work database alone.
    """
    if _target(args) == "spark":
        return _run_on_spark(settings, args)
    paths = DataPaths.of(settings)
    with (
        PipelineLock(paths.duckdb.lock).hold("dbt"),
        closing(DbtProject.of(settings)) as project,
    ):
        target = _target(args) or settings.dbt_target
        if target == "test":
            return project.console(args, target=target, env={"SAMPLE_RAW_PATH": str(sample_raw(paths.root / "dbt"))})
        create_raw(paths.duckdb.work_database)
        if _WRITING & set(args):
            BuildNote(paths.duckdb).forget_build()  # tables may then differ in variables, or only some be up to date
        return project.console(args, target=target)


def _run_on_spark(settings: Settings, args: list[str]) -> int:
    """Run dbt where dbt-spark is installed; the work database is not touched, so nobody waits for its lock."""
    command = [str(_LAUNCHER), "spark", "dbt", "--data", str(settings.data_dir), *args]
    return subprocess.run(command, env=os.environ, check=False).returncode


def _target(args: list[str]) -> str | None:
    for position, arg in enumerate(args):
        if arg in ("--target", "-t") and position + 1 < len(args):
            return args[position + 1]
        if arg.startswith("--target="):
            return arg.partition("=")[2]
    return None
