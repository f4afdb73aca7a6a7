"""The appliance's collector: `python -m collector` follows the transcripts, `python -m collector healthy` checks on it.

The first is configured by the settings and exits cleanly on SIGTERM. Exit codes: 0 done, 1 failed, 2 wrong usage.
"""

import signal
import sys
import tempfile
import threading
import time
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import structlog

from collector.follow import REMEMBERED_LINES, follow
from collector.pass_result import CollectProgress, CollectResult
from collector.passes import Collector
from collector.standing import Standing
from common.errors import AnalyticsError
from common.masking import Masker
from common.programs import run_program
from common.settings import Settings, SettingsError
from common.transcript_files import TranscriptsError
from records import open_store

HEARTBEAT = Path(tempfile.gettempdir()) / "claude-analytics-collector.heartbeat"
HEALTHY_SECONDS = 180.0
"""A full pass runs every minute; a long one reports progress every thousand lines."""
REST_SECONDS = 60.0
"""How often a collector that is off reports that it is off."""

log = structlog.get_logger()


def main(arguments: list[str]) -> int:
    """Run the command that these arguments name."""
    match arguments:
        case []:
            return _serve()
        case ["healthy"]:
            return _healthy()
        case _:
            print(f"expected nothing or 'healthy', found {' '.join(arguments)!r}", file=sys.stderr)
            return 2


def _serve() -> int:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    HEARTBEAT.unlink(missing_ok=True)
    return run_program("collector", lambda settings: _follow(settings, stop))


def _follow(settings: Settings, stop: threading.Event) -> None:
    if settings.mongo_uri is None:
        raise SettingsError("MONGO_URI: expected the address of a MongoDB server, found nothing; set it")
    store = open_store(settings, "claude-analytics-collector")
    if len(settings.transcripts_dir) != 1:
        raise SettingsError(f"TRANSCRIPTS_DIR: expected one folder to follow, found {len(settings.transcripts_dir)}")
    (transcripts,) = settings.transcripts_dir
    with closing(store):
        standing = Standing(store, transcripts, settings.host_name)
        if settings.collector == "off":
            _rest(standing, stop)
            return
        log.info("following", transcripts=str(transcripts), host=settings.host_name)

        def report(result: CollectResult) -> None:
            _report(result)
            standing.beat()

        try:
            masker = Masker.before_record_store(settings)
            collector = Collector(
                store,
                transcripts,
                settings.host_name,
                remember=REMEMBERED_LINES,
                masker=masker,
                excluded=settings.projects_excluded,
            )
            follow(collector, stop, report, progress=_beat)
        except TranscriptsError as error:  # the status page shows it while the container restarts repeatedly
            standing.fail(error.found)
            raise
        log.info("stopped")


def _rest(standing: Standing, stop: threading.Event) -> None:
    """Read nothing and report that, on a host that only receives lines."""
    log.info("off", reason="COLLECTOR=off: this host has no transcripts")
    while not stop.is_set():
        try:
            standing.rest()
        except AnalyticsError as error:  # a server that is away
            log.warning("standing_not_told", error=str(error))
        HEARTBEAT.touch()
        stop.wait(REST_SECONDS)


def _beat(_: CollectProgress) -> None:
    HEARTBEAT.touch()


def _report(result: CollectResult) -> None:
    HEARTBEAT.touch()
    if result.lines or result.files_unreadable or result.resets:
        log.info("collected", **asdict(result))


def _healthy() -> int:
    """Return 0 if a pass ended recently, else 1."""
    try:
        age = time.time() - HEARTBEAT.stat().st_mtime
    except FileNotFoundError:
        print("collector: nothing has been collected yet", file=sys.stderr)
        return 1
    if age > HEALTHY_SECONDS:
        print(
            f"collector: expected a heartbeat within {HEALTHY_SECONDS:.0f} s, the last is {age:.0f} s old",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
