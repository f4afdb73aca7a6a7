"""`./analytics run --as-of`: the marts as they stood at a moment, in a separate data directory."""

import shutil
import threading
from contextlib import closing

from rich.console import Console
from rich.markup import escape

from cli.run import as_data, stop_on_signal
from cli.show import RunView, show_failures
from common.duckdb_files import DuckDBLimits
from common.paths import DataPaths
from common.settings import Settings
from scheduler.as_of import LoaderAsOf, mark, read_moment, remove_work_database, settings_as_of
from scheduler.dbt_project import DbtProject
from scheduler.lock import LockHeld, PipelineLock
from scheduler.pipeline import run_pipeline
from scheduler.pipeline_parts import PipelineParts
from scheduler.publish import current_generation
from scheduler.run_result import RunResult

_LOCK_WAIT_SECONDS = 60


def run_as_of(settings: Settings, text: str, *, console: Console, as_json: bool = False) -> RunResult:
    """Build the data directory of a moment and print where it is.

    Raises UsageError for text that is not a past moment, LockHeld while a run is at work.
    """
    moment, source = read_moment(text, settings.timezone), DataPaths.of(settings).duckdb
    there = settings_as_of(settings, moment)
    volume = DataPaths.of(there).duckdb
    for lock in (PipelineLock(source.lock), PipelineLock(volume.lock)):
        if holder := lock.holder():
            raise LockHeld(lock.path, holder)
    view = RunView(Console(stderr=True) if as_json else console)
    mark(there, moment)
    loader = LoaderAsOf(source, volume, moment, DuckDBLimits.of(settings), _LOCK_WAIT_SECONDS)
    with closing(DbtProject.of(there)) as project, PipelineLock(volume.lock).hold("as-of"), view:
        stop = threading.Event()
        with stop_on_signal(stop):
            result = run_pipeline(PipelineParts.of(there, loader, project), on_event=view, stop=stop)
        remove_work_database(volume)
    if current_generation(volume) is None:
        shutil.rmtree(there.data_dir)
    if as_json:
        console.print_json(data=as_data(there, result))
        return result
    show_failures(console, result)
    if result.ok:
        console.print(f"Read it with --data {escape(str(there.data_dir))}, for example:", soft_wrap=True)
        console.print(f"  ./analytics daily --data {escape(str(there.data_dir))}", highlight=False, soft_wrap=True)
    return result
