"""Sends the spool's deliveries, oldest first, each until it is acknowledged."""

import random
import threading
import time
from collections.abc import Callable

import structlog

from collector.sender.client import AwayError, Client, RefusedError
from collector.sender.spool import Spool
from collector.wire import Delivery, SentFile, pack

log = structlog.get_logger()

_HEARTBEAT_SECONDS = 60.0
_IDLE_SECONDS = 1.0
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0


class Shipper:
    """Sends for one machine."""

    def __init__(self, spool: Spool, client: Client, standing: Callable[[], SentFile | None] = lambda: None) -> None:
        """`standing` returns the state of the transcripts directory, which is sent once a minute."""
        self._spool, self._client, self._standing = spool, client, standing
        self._is_known = False
        self._told_at = float("-inf")
        self._pause = _FIRST_PAUSE
        self.sent = 0

    def run(self, stop: threading.Event) -> None:
        """Send until `stop` is set. Raises RevokedError if this machine was revoked."""
        while not stop.is_set():
            try:
                if not self.send_one():
                    self._tell_standing()
                    self._spool.news.wait(_IDLE_SECONDS)
                self._pause = _FIRST_PAUSE
            except (AwayError, RefusedError) as error:
                self._is_known = False
                self._wait(stop, error)

    def drain(self) -> None:
        """Send everything in the spool. Raises AwayError or RefusedError if that is not possible now."""
        tries = 0
        while True:
            try:
                if not self.send_one():
                    break
                tries = 0
            except AwayError as error:
                tries += 1
                if error.seconds is None or tries > 30:  # only a receiver that is behind says when to retry
                    raise
                time.sleep(error.seconds)
        self._tell_standing()

    def begin(self) -> None:
        """Adopt the receiver's states, if it answers: a machine that lost its spool need not read everything."""
        try:
            self.reconcile()
        except (AwayError, RefusedError) as error:
            log.warning("receiver_not_asked", error=str(error))

    def send_one(self) -> bool:
        """Send the oldest delivery; return whether there was one."""
        waiting = self._spool.oldest()
        if waiting is None:
            self.reconcile()
            return False
        behind = self._client.deliver(waiting.content)
        self._spool.acknowledge(waiting, behind)
        self.sent += 1
        if behind:
            log.warning("receiver_behind", files=len(behind))
        return True

    def reconcile(self) -> None:
        """Adopt the receiver's states, once after each start and outage."""
        if not self._is_known:
            changed = self._spool.adopt(self._client.files())
            self._is_known = True
            if changed:
                log.info("went_on_from_receiver", files=changed)

    def _tell_standing(self) -> None:
        standing, now = self._standing(), time.monotonic()
        if standing is not None and now - self._told_at >= _HEARTBEAT_SECONDS:
            self._client.deliver(pack(Delivery(files=[standing])))
            self._told_at = now

    def _wait(self, stop: threading.Event, error: AwayError | RefusedError) -> None:
        asked = error.seconds if isinstance(error, AwayError) else _LONGEST_PAUSE
        seconds = asked if asked is not None else self._pause * random.uniform(0.5, 1.0)  # noqa: S311 - not a secret
        log.warning("not_sent", error=str(error), waiting=self._spool.count(), again_in_seconds=round(seconds, 1))
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        stop.wait(seconds)
