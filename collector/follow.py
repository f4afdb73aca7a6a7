"""Follows the transcripts: a new line reaches the record store within two seconds, and failures are retried.

Notifications say which files grew. They are lost on network mounts, under new directories and behind symbolic links, so
a pass over everything runs every minute as well. WATCHFILES_FORCE_POLLING=1 polls the files instead.

The collector waits for a missing transcripts directory: Claude Code creates it when it is first used.
"""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import structlog
from watchfiles import Change, watch
from watchfiles._rust_notify import WatchfilesRustInternalError

from collector.pass_result import CollectResult
from collector.passes import Collector, Progress
from common.errors import AnalyticsError
from common.transcript_files import SUFFIXES, absence

log = structlog.get_logger()

REMEMBERED_LINES = 1_000_000
"""How many fingerprints a following collector keeps: at most about 120 MB."""
_RETRY_SECONDS = 5.0
_TICK_MILLISECONDS = 500

OnPass = Callable[[CollectResult], None]


def follow(
    collector: Collector,
    stop: threading.Event,
    on_pass: OnPass,
    *,
    progress: Progress | None = None,
    full_pass_seconds: float = 60.0,
) -> None:
    """Collect until `stop` is set; `on_pass` gets the result of each pass, also of one that found nothing.

    `progress` is called during full passes: the first may take an hour.

    Raises TranscriptsError or StoreError if the first pass fails. Later failures are logged and retried.
    """
    transcripts, passed = collector.root, False
    while not stop.is_set():
        if reason := absence(transcripts):
            log.warning("no_transcripts", transcripts=str(transcripts), reason=reason, host=collector.host)
            while absence(transcripts) == reason and not stop.is_set():
                on_pass(CollectResult())
                stop.wait(_RETRY_SECONDS)
            continue
        try:
            for result in _passes(collector, stop, progress, full_pass_seconds):
                passed = True
                on_pass(result)
        except (AnalyticsError, FileNotFoundError) as error:
            if not passed:
                raise
            log.warning("pass_failed", error=str(error), again_in_seconds=_RETRY_SECONDS)
            stop.wait(_RETRY_SECONDS)


def _passes(
    collector: Collector,
    stop: threading.Event,
    progress: Progress | None,
    full_pass_seconds: float,
) -> Iterator[CollectResult]:
    """Make a full pass once the watch has started, then one per change and a full one whenever it is due."""
    collector.require_root()
    next_full = 0.0
    for changes in _watch(collector.root, stop):
        if time.monotonic() >= next_full or _needs_full_pass(changes):
            yield collector.collect(progress)
            next_full = time.monotonic() + full_pass_seconds
        elif paths := {Path(path) for _, path in changes if path.endswith(SUFFIXES)}:
            yield collector.collect_some(paths)


def _watch(root: Path, stop: threading.Event) -> Iterator[set[tuple[Change, str]]]:
    """Yield changes, and an empty set at each tick; without notifications from the system, only ticks."""
    told = False
    while not stop.is_set():
        try:
            yield from _notifications(root, stop)
        except WatchfilesRustInternalError as error:  # no inotify instances are left, because of editors for example
            if not told:
                log.warning("no_notifications", error=str(error), remedy="raise fs.inotify.max_user_instances")
            told = True
            yield set()
            stop.wait(_RETRY_SECONDS)


def _notifications(root: Path, stop: threading.Event) -> Iterator[set[tuple[Change, str]]]:
    return watch(
        root,
        watch_filter=None,
        debounce=400,
        step=50,
        stop_event=stop,
        rust_timeout=_TICK_MILLISECONDS,
        yield_on_timeout=True,
        ignore_permission_denied=True,
        raise_interrupt=False,
    )


def _needs_full_pass(changes: set[tuple[Change, str]]) -> bool:
    """Return whether a directory appeared: it may contain files without a notification."""
    return any(
        change is Change.added and not path.endswith(SUFFIXES) and Path(path).is_dir() for change, path in changes
    )
