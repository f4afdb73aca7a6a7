"""dbt on the work database: the paths of its files, its variables, and a command's outcome.

Nothing is ever written into the project folder: target and logs are in the data directory.
"""

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from common.duckdb_files import DuckDBLimits
from common.paths import DataPaths, DuckDBVolume
from common.settings import Settings
from scheduler.dbt_process import WORKER, DbtEvent, DbtInterruptedError, DbtProcess, DbtProcessError
from scheduler.dbt_results import DbtOutcome, read_run_results, read_sources
from scheduler.parse_cache import ParseCache

__all__ = ["DbtEvent", "DbtInterruptedError", "DbtOutcome", "DbtProcessError", "DbtProject"]

_OURS = Path(__file__).parent.parent / "dbt"
_IGNORED_FOLDERS = frozenset({"target", "logs", "dbt_packages", "__pycache__"})
_PARSED = "partial_parse.msgpack"
_AFTER_NEW_LINES, _FROM_NOTHING = "after_new_lines", "from_nothing"
_MADE_BY_DBT = frozenset({"package-lock.yml", ".user.yml"})


class DbtProject:
    """The dbt project over one DuckDB volume, run in a warm process. The caller holds the pipeline lock."""

    def __init__(self, project_dir: Path, volume: DuckDBVolume, settings: Settings) -> None:
        self.project_dir, self.volume, self.target = project_dir, volume, settings.dbt_target
        self.timezone, self.own_prices = settings.timezone, settings.model_prices_csv
        self._limits = DuckDBLimits.of(settings)
        self._log_level = "debug" if settings.log_level == "DEBUG" else "none"
        self.vars: dict[str, Any] = {"timezone": settings.timezone} | settings.dbt_vars
        paths = DataPaths.of(settings)
        self._files, self._logs = paths.root / "dbt", paths.logs / "dbt"
        self._process = DbtProcess(self._logs / "worker.log")

    @classmethod
    def of(cls, settings: Settings) -> "DbtProject":
        """Return our project, or the configured one."""
        return cls(settings.dbt_project_dir or _OURS, DataPaths.of(settings).duckdb, settings)

    def warm_up(self) -> None:
        """Start the dbt process in the background, so that dbt is imported when the build begins.

        A project that was never parsed is parsed meanwhile as well, which takes as long as many builds.
        """
        folder = self.target_path()
        self._prepare(folder)
        self._forget_parse_of_other_files(folder)
        if (folder / _PARSED).exists():
            self._process.start()
            return
        self._process.prepare(self._with_vars(["parse"]), self._environment_of_a_run(), self.volume.work_database)

    def close(self) -> None:
        """End the dbt process. The project can be used again: the next command starts a new one."""
        self._process.close()

    def target_path(self, target: str | None = None) -> Path:
        """The folder for dbt's artifacts, one per target, so that no target invalidates another's partial parse."""
        return self._files / (target or self.target)

    def fingerprint(self) -> str:
        """Changes with any file of the project, a custom price list, and the version of dbt or DuckDB."""
        digest = hashlib.sha256()
        for package in ("dbt-core", "dbt-duckdb", "duckdb"):
            digest.update(f"{package}={version(package)}\n".encode())
        for path in sorted(self._project_files()):
            digest.update(f"{path.relative_to(self.project_dir).as_posix()}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        if self.own_prices and self.own_prices.is_file():
            digest.update(self.own_prices.read_bytes())
        return digest.hexdigest()[:16]

    def can_go_on(self) -> bool:
        """Return whether the project has a selector for incremental builds; without it, every build is a full one."""
        return self._has_selector(_AFTER_NEW_LINES)

    def _has_selector(self, name: str) -> bool:
        selectors = self.project_dir / "selectors.yml"
        return selectors.exists() and f"name: {name}\n" in selectors.read_text(encoding="utf-8")

    def build(
        self,
        *,
        built_load_id: int | None = None,
        every_test: bool = False,
        on_event: Callable[[DbtEvent], None] | None = None,
        stop: threading.Event | None = None,
        time_limit: float | None = None,
    ) -> DbtOutcome:
        """Build and test everything. Unit tests check the code on fixed rows, not the data: CI runs those.

        After `built_load_id`, the load that every model is complete for, only rows of later loads are built and tested.
        Without `every_test`, a table's tests are one query: a node each would take longer than most queries.
        If memory was too small for parallel queries, everything is rebuilt from scratch by a single thread.
        """
        everything = ["build", "--exclude-resource-type", "unit_test", "--full-refresh"]
        by_table = not every_test and self._has_selector(_FROM_NOTHING)
        args, env = [*everything, *(["--selector", _FROM_NOTHING] if by_table else [])], dict[str, str]()
        if built_load_id is not None:
            # without the manifest: the full build's is kept, and writing one takes longer than most models
            args = ["build", "--selector", _AFTER_NEW_LINES, "--no-write-json"]
            env = {"BUILT_LOAD_ID": str(built_load_id)}
        outcome = self.invoke(args, env=env, on_event=on_event, stop=stop, time_limit=time_limit)
        if not outcome.lacked_memory:
            return outcome
        if on_event:
            message = f"{outcome.describe()}; retrying with one query at a time"
            on_event({"level": "warn", "name": "OutOfMemory", "message": message, "index": 0, "total": 0})
        left = None if time_limit is None else max(time_limit - outcome.seconds, 0)
        return self.invoke(everything, env={"DUCKDB_THREADS": "1"}, on_event=on_event, stop=stop, time_limit=left)

    def freshness(self, *, stop: threading.Event | None = None, time_limit: float | None = None) -> DbtOutcome:
        """Check the age of the sources. Old data does not prevent publishing: the caller only records this."""
        return self.invoke(["source", "freshness"], stop=stop, time_limit=time_limit)

    def docs(self, *, stop: threading.Event | None = None, time_limit: float | None = None) -> DbtOutcome:
        """Write the documentation as one static page, at `docs_page`."""
        return self.invoke(["docs", "generate", "--static"], stop=stop, time_limit=time_limit)

    @property
    def docs_page(self) -> Path:
        """The documentation that `docs` wrote."""
        return self.target_path() / "static_index.html"

    def invoke(
        self,
        args: list[str],
        *,
        target: str | None = None,
        env: Mapping[str, str] | None = None,
        on_event: Callable[[DbtEvent], None] | None = None,
        stop: threading.Event | None = None,
        time_limit: float | None = None,
    ) -> DbtOutcome:
        """Run one dbt command in the warm process; afterwards none of our processes has the work database open.

        Raises DbtInterruptedError when `stop` is set or the time is up, DbtProcessError when the process was killed.
        """
        started, folder = time.monotonic(), self.target_path(target)
        self._prepare(folder)
        self._forget_parse_of_other_files(folder)
        success, error = self._process.run(
            self._with_vars(args),
            self._environment_of_a_run(target) | dict(env or {}),
            self.volume.work_database,
            on_event=on_event or (lambda _: None),
            stop=stop or threading.Event(),
            time_limit=time_limit,
        )
        if success and self.project_dir == _OURS:
            self._parse_cache(folder, self.fingerprint()).keep(folder / _PARSED)
        nodes = read_run_results(folder / "run_results.json") + read_sources(folder / "sources.json")
        command, seconds = " ".join(args[:2] if args[0] in ("source", "docs") else args[:1]), time.monotonic() - started
        return DbtOutcome(command=command, success=success, error=error, nodes=nodes, seconds=seconds)

    def console(self, args: list[str], *, target: str | None = None, env: Mapping[str, str] | None = None) -> int:
        """Run any dbt command with this terminal and return its exit code: what `./analytics dbt` does."""
        self._prepare(self.target_path(target))
        command = [sys.executable, "-P", str(WORKER), "console", *self._with_vars(args)]
        return subprocess.run(
            command, env=os.environ | self.environment(target) | dict(env or {}), check=False
        ).returncode

    def environment(self, target: str | None = None) -> dict[str, str]:
        """What dbt and profiles.yml read from the environment. An option on the command line still wins."""
        return {
            "DUCKDB_PATH": str(self.volume.work_database),
            "DUCKDB_MEMORY_LIMIT": self._limits.memory_limit,
            "DUCKDB_THREADS": str(self._limits.threads),
            **({"DUCKDB_TEMP_DIRECTORY": str(folder)} if (folder := self._limits.temp_directory) else {}),
            "TIMEZONE": self.timezone,
            "MODEL_PRICES_CSV": str(self.own_prices or ""),
            "BUILT_LOAD_ID": "",
            "DBT_TARGET": target or self.target,
            "DBT_PROJECT_DIR": str(self.project_dir),
            "DBT_PROFILES_DIR": str(self.project_dir),
            "DBT_TARGET_PATH": str(self.target_path(target)),
            "DBT_LOG_PATH": str(self._logs),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "DBT_VERSION_CHECK": "false",
        }

    def _environment_of_a_run(self, target: str | None = None) -> dict[str, str]:
        # dbt formats every event for its log, also those below its level: a twentieth of an incremental build.
        # Its messages from `info` on are in the run's log.
        levels = {"DBT_LOG_LEVEL": "none", "DBT_LOG_LEVEL_FILE": self._log_level}
        return self.environment(target) | {"DBT_USE_COLORS": "false"} | levels

    def _prepare(self, folder: Path) -> None:
        """Delete artifacts of earlier commands, so that they are not taken for this one's."""
        for path in (folder, self._logs, self.volume.work_database.parent):
            path.mkdir(parents=True, exist_ok=True)
        for name in ("run_results.json", "sources.json"):
            (folder / name).unlink(missing_ok=True)

    def _forget_parse_of_other_files(self, folder: Path) -> None:
        """Delete dbt's parse of another version of the project, which may make it fail."""
        note, fingerprint = folder / "parsed.fingerprint", self.fingerprint()
        if not note.exists() or note.read_text(encoding="utf-8") != fingerprint:
            (folder / _PARSED).unlink(missing_ok=True)
            note.write_text(fingerprint, encoding="utf-8")
        if self.project_dir == _OURS and not (folder / _PARSED).exists():
            self._parse_cache(folder, fingerprint).give(folder / _PARSED)

    def _parse_cache(self, folder: Path, fingerprint: str) -> ParseCache:
        return ParseCache(fingerprint, self.vars, folder.name)

    def _with_vars(self, args: list[str]) -> list[str]:
        """Return the arguments with our variables, which the command's own variables override."""
        if not args or args[0].startswith("-") or args[0] == "init":
            return args
        if "--vars" not in args:
            return [*args, "--vars", json.dumps(self.vars)]
        at = args.index("--vars") + 1
        return [*args[:at], json.dumps(self.vars | _parse_vars(args[at : at + 1])), *args[at + 1 :]]

    def _project_files(self) -> Iterator[Path]:
        for folder, folders, files in os.walk(self.project_dir):
            folders[:] = [name for name in folders if name not in _IGNORED_FOLDERS and not name.startswith(".")]
            yield from (Path(folder) / name for name in files if name not in _MADE_BY_DBT)


def _parse_vars(value: list[str]) -> dict[str, Any]:
    """Parse variables from YAML as dbt does; for anything but a mapping, dbt reports the error."""
    import yaml  # noqa: PLC0415 (only the command line needs it)

    parsed = yaml.safe_load(value[0]) if value else {}
    return parsed if isinstance(parsed, dict) else {}
