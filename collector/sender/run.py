"""Sends new lines: once, or continuously until a signal."""

import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass

import structlog
from pydantic import SecretStr

from collector.follow import REMEMBERED_LINES, follow
from collector.pass_result import CollectResult
from collector.passes import Collector
from collector.sender.machine import Machine, folder_of
from collector.sender.shipper import Shipper
from collector.sender.sink import SpoolSink
from collector.sender.spool import RewoundError, Spool, SpoolFullError
from collector.standing import Standing
from collector.wire import LONGEST_LINE
from common.errors import AnalyticsError, PassingError
from common.masking import Masker
from common.settings import Settings
from common.transcript_files import absence, distinct_roots

log = structlog.get_logger()

_RETRY_SECONDS = 5.0
_MOST_PASSES = 100
"""The most passes of `--once`: a full spool needs several, and so does a receiver that turns out to be behind."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The result of one sending."""

    lines: int
    deliveries: int


def masker_of(settings: Settings, machine: Machine) -> Masker | None:
    """Return this machine's masker, with the receiver's key if it has one: a secret has one fingerprint everywhere."""
    if settings.masking == "off":
        return None
    key = machine.fingerprint_key
    return Masker.of(settings.model_copy(update={"fingerprint_key": SecretStr(key)}) if key else settings)


@dataclass(frozen=True, slots=True)
class _Feed:
    """A transcripts directory that is read into the spool."""

    collector: Collector
    sink: SpoolSink
    standing: Standing


def send_once(settings: Settings, machine: Machine, url: str | None = None) -> Sent:
    """Read new lines and send everything in the spool.

    Raises AwayError if the receiver is unreachable; the lines read then wait in the spool.
    """
    with _open_spool(settings, None) as spool, closing(machine.client(url)) as client:
        feeds = _feeds(settings, machine, spool)
        shipper, lines = Shipper(spool, client, lambda: feeds[0].sink.standing), 0
        feeds[0].standing.beat()
        shipper.begin()
        for _ in range(_MOST_PASSES):
            generation = spool.generation
            new, is_complete = _collect(feeds)
            lines += new
            shipper.drain()
            if is_complete and spool.generation == generation:
                break
        return Sent(lines, shipper.sent)


def _collect(feeds: list[_Feed]) -> tuple[int, bool]:
    """Make a pass; return how many lines were read, and whether none are left."""
    lines = 0
    for feed in feeds:
        if reason := absence(feed.collector.root):
            log.warning("no_transcripts", transcripts=str(feed.collector.root), reason=reason)
            continue
        try:
            lines += feed.collector.collect().lines
        except (SpoolFullError, RewoundError):
            return lines, False
    return lines, True


def send(settings: Settings, machine: Machine, stop: threading.Event, url: str | None = None) -> None:
    """Send lines as they are written until `stop` is set.

    Raises RevokedError if this machine was revoked, TranscriptsError if a directory is unreadable.
    """
    with _open_spool(settings, stop) as spool, closing(machine.client(url)) as client:
        feeds, failures = _feeds(settings, machine, spool), list[AnalyticsError]()
        shipper = Shipper(spool, client, lambda: feeds[0].sink.standing)
        shipper.begin()
        threads = [threading.Thread(target=_follow, args=(feed, stop, failures)) for feed in feeds]
        for thread in threads:
            thread.start()
        try:
            shipper.run(stop)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        if failures:
            raise failures[0]


def _follow(feed: _Feed, stop: threading.Event, failures: list[AnalyticsError]) -> None:
    """Follow a directory; transient errors are retried, any other error ends the sender."""

    def report(result: CollectResult) -> None:
        if result.lines or result.files_unreadable:
            log.info("collected", **asdict(result))
        feed.standing.beat()

    while not stop.is_set():
        try:
            follow(feed.collector, stop, report)
        except PassingError as error:
            log.warning("pass_failed", error=str(error), again_in_seconds=_RETRY_SECONDS)
            stop.wait(_RETRY_SECONDS)
        except AnalyticsError as error:
            failures.append(error)
            stop.set()


def _feeds(settings: Settings, machine: Machine, spool: Spool) -> list[_Feed]:
    masker, feeds = masker_of(settings, machine), []
    for root, label in distinct_roots(settings.transcripts_dir):
        sink = SpoolSink(spool)
        collector = Collector(
            sink,
            root,
            machine.name,
            label=label,
            remember=REMEMBERED_LINES,
            masker=masker,
            longest=LONGEST_LINE,
            excluded=settings.projects_excluded,
        )
        feeds.append(_Feed(collector, sink, Standing(sink, root, machine.name)))
    return feeds


@contextmanager
def _open_spool(settings: Settings, stop: threading.Event | None) -> Iterator[Spool]:
    limit = settings.spool_limit_mb * 2**20
    with closing(Spool(folder_of(settings) / "spool.db", limit, stop)) as spool:
        yield spool


@contextmanager
def stopping_on_signals() -> Iterator[threading.Event]:
    """Yield an event that SIGTERM and SIGINT set."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
